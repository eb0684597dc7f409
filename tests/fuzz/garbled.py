"""What is nearly SCIM: valid resources, PATCH and Bulk requests, filters and URLs, garbled."""

import copy
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from tests.scim.idp import ENTERPRISE, GROUP, PATCH, USER, Body, adds, removes, replaces, user
from tests.scim.test_bulk import BULK

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
ID = "{id}"
"""Stands in what is made here for the id of a resource that is there."""

NAMES = [
    *("userName", "USERNAME", "externalId", "name", "givenName", "emails", "active", "groups"),
    *("members", "displayName", "id", "meta", "schemas", "password", "value", "type", "primary"),
    *("$ref", "manager", "roles", "x509Certificates", "addresses", "Operations", "op", "path"),
    *("__proto__", "constructor", "__class__", "model_config", "lastModified", "version", "title"),
    *(USER, GROUP, ENTERPRISE, f"{ENTERPRISE}:manager", "name.givenName", "urn:", "", ".", "a.b.c"),
    'emails[type eq "work"].value',
]
TEXTS = [
    *("True", "false", "", " ", "\0", "a\r\nb", "\x1b[31m", "bulkId:a", "bulkId:", ID, "null"),
    *("1", "ann@acme.example", "2026-11-28T10:00:00Z", "9999-12-31T23:59:59-14:00", "urn:x:y"),
    *(
        "' OR 1=1 --",
        "{{7*7}}",
        "${7*7}",
        "%s%(tenant_id)s",
        "../..",
        "Σ\u0345",
        "\u202e",
        "x" * 300,
    ),
]
NUMBERS = [0, -1, 2**31, 2**63, -(2**63) - 1, 10**30, 1e308, -0.0, float("nan"), float("inf")]

characters = st.characters(codec=None)  # halves of surrogates among them
texts = st.sampled_from(TEXTS) | st.text(characters, max_size=20)
names = st.sampled_from(NAMES) | st.text(characters, max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(NUMBERS) | texts
trees: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: what holds it, and its key or index there."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    found = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], dict | list):
            found += _places(value[key])
    return found


@st.composite
def changed(draw: st.DrawFn, whole: Body) -> Any:
    """A valid body with up to three things in it that are not."""
    body = copy.deepcopy(whole)
    for _ in range(draw(st.integers(0, 3))):
        places = _places(body)
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "remove", "rename", "wrap", "add"])):
            case "replace":
                holder[key] = draw(trees)
            case "remove":
                del holder[key]
            case "wrap":
                holder[key] = [holder[key]]
            case "rename" if isinstance(holder, dict):
                holder[draw(names)] = holder.pop(key)
            case _ if isinstance(holder, dict):
                holder[draw(names)] = draw(trees)
            case _:
                holder.append(draw(trees))
    return body


operators = st.sampled_from(
    ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "EQ", "pr", "is"]
)
literals = texts.map(json.dumps) | scalars.map(json.dumps) | st.text(characters, max_size=5)
_atoms = st.builds("{} {} {}".format, names, operators, literals) | names.map("{} pr".format)


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or", "not"]), inner)
        | st.builds("{}[{}]".format, names, inner)
        | inner.map("not ({})".format)
        | inner.map("({})".format)
    )


@st.composite
def _cut(draw: st.DrawFn, whole: st.SearchStrategy[str]) -> str:
    text = draw(whole)
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(texts) + text[place + draw(st.integers(0, 3)) :]


_filters = st.recursive(_atoms, _joined, max_leaves=6)
filters = _filters | _cut(_filters) | st.integers(0, 400).map(lambda n: "not (" * n + "id pr")
paths = (
    names
    | filters
    | st.builds("{}.{}".format, names, names)
    | st.builds("{}[{}]".format, names, filters)
    | st.builds("{}[{}].{}".format, names, filters, names)
)

people = changed(user("{new}", nickName="A", roles=[{"value": "r", "primary": "True"}]))
TEAM = {"schemas": [GROUP], "displayName": "{new}", "members": [{"value": ID}]}
teams = changed(TEAM)
_operation: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "remove", "Add", "REPLACE", "move"])},
    optional={"path": paths, "value": trees | people},
)
_OF_A_PERSON = [
    replaces("active", "False"),
    replaces('emails[type eq "work"].value', "{new}@acme.example"),
    {"op": "Add", "value": {"name.givenName": "A", f"{ENTERPRISE}:department": "B"}},
    {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": {"value": ID}},
    {"op": "remove", "path": "title"},
]
_OF_A_TEAM = [
    {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": ID}]},
    adds(ID),
    removes(ID),
    replaces("members", [{"value": ID}]),
    replaces("displayName", "{new}"),
]


def _patch(operations: Any) -> Body:
    return {"schemas": [PATCH], "Operations": operations}


patches = (
    changed(_patch(_OF_A_PERSON))
    | changed(_patch(_OF_A_TEAM))
    | (st.lists(_operation | trees, max_size=5) | trees).map(_patch)
)
searches = st.fixed_dictionaries(
    {"schemas": st.just([SEARCH])},
    optional={
        "filter": filters | trees,
        "attributes": st.lists(paths, max_size=4) | trees,
        "excludedAttributes": st.lists(paths, max_size=4) | trees,
        "sortBy": paths | trees,
        "sortOrder": st.sampled_from(["ascending", "DESCENDING", "up"]) | trees,
        "startIndex": scalars,
        "count": scalars,
        "cursor": scalars,
    },
)
_places_in_bulk = st.sampled_from(
    ["/Users", "/Groups", f"/Users/{ID}", f"Groups/{ID}", "/Users/bulkId:a", "/Bulk", "/Me", "//"]
)
_bulk_operation = st.fixed_dictionaries(
    {"method": st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "GET", "post"])},
    optional={
        "path": _places_in_bulk | texts,
        "bulkId": st.sampled_from(["a", "b", ""]) | scalars,
        "version": scalars,
        "data": people | teams | patches | trees,
    },
)
_USUAL_BULK = {
    "schemas": [BULK],
    "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": user("{new}")},
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "b",
            "data": TEAM | {"members": [{"value": "bulkId:a"}]},
        },
        {"method": "PATCH", "path": f"/Users/{ID}", "data": _patch(_OF_A_PERSON)},
        {"method": "PUT", "path": "/Users/bulkId:a", "data": user("{new}")},
        {"method": "DELETE", "path": "/Groups/bulkId:b"},
    ],
    "failOnErrors": 3,
}
bulks = changed(_USUAL_BULK) | st.builds(
    lambda operations, most: {"schemas": [BULK], "Operations": operations, "failOnErrors": most},
    st.lists(_bulk_operation | trees, max_size=5) | trees,
    scalars,
)

_segments = st.sampled_from(
    [
        *("scim", "v2", "Users", "users", "Groups", "Bulk", ".search", "Me", "Schemas", ID, USER),
        *("ResourceTypes", "ServiceProviderConfig", "..", ".", "", "%2e%2e", "%2F", "Users%2F"),
        *(
            "%00",
            "%0d%0aX:%201",
            "%ff",
            "%c0%af",
            ";x=1",
            "Users;x",
            "Users.",
            "x" * 5_000,
            "%",
            "*",
        ),
    ]
) | st.text(max_size=8).map(quote)
_parameters = st.sampled_from(
    ["filter", "count", "startIndex", "attributes", "excludedAttributes", "sortBy", "sortOrder"]
)
_queries = st.lists(
    st.builds("{}={}".format, _parameters | texts, filters | paths | scalars.map(str)), max_size=4
)


def _encoded(text: str) -> str:
    return quote(text, safe="/%=;.*", errors="surrogatepass")


targets = st.builds(
    lambda start, segments, query: (
        start + "/".join(map(_encoded, segments)) + ("?" + "&".join(map(_encoded, query)))
    ),
    st.sampled_from(["/scim/v2/", "/scim/v2/", "/", "//scim/v2/", "/scim/v2"]),
    st.lists(_segments, max_size=4),
    _queries,
)
headers = st.dictionaries(
    st.sampled_from(
        [
            *("If-Match", "If-None-Match", "Content-Type", "Accept", "Content-Encoding"),
            *("Authorization", "Traceparent", "X-Forwarded-Host", "X-HTTP-Method-Override"),
        ]
    ),
    st.sampled_from(
        [
            *(
                "*",
                'W/"1"',
                '"',
                "W/",
                ",,,",
                'W/"1", "2"',
                "text/plain",
                "gzip",
                "application/json",
            ),
            *("application/scim+json; charset=utf-16", "Bearer null", "DELETE", "x" * 3_000),
        ]
    )
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    max_size=3,
)


def content(body: Any, fill: Callable[[str], str]) -> bytes:
    """JSON as a client sends it, with what stands for ids filled in."""
    return fill(json.dumps(body)).encode()
