"""Dialects as functions of JSON: RFC form stays, all else becomes it, and nothing fails."""

import json
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scim2_models import Context, Group, PatchOp, SCIMException
from scim2_server.requests import ScimRequest

from ingest.scim.body import Body
from ingest.scim.bounds import require_bounded
from ingest.scim.dialects import entra, filters, jumpcloud, okta, onelogin, urls
from ingest.scim.dialects.translation import Translation
from schemas import limits
from schemas.origin import Provider
from schemas.policy import OwnAttribute
from tests.scim.idp import ENTERPRISE, GROUP, PATCH, USER, adds, removes, replaces, user
from tests.scim.idp import Body as Json

BADGE = OwnAttribute(schema="urn:acme:params:scim:2.0:User", name="badge", type="integer")
ALL = {name: Translation(name, (BADGE,)) for name in get_args(Provider)}
MANAGER = f"{ENTERPRISE}:manager"

PERSON = user("ann") | {
    "name": {"formatted": "Dr. Ann Lee", "familyName": "Lee", "givenName": "Ann"},
    "nickName": "Annie",
    "profileUrl": "https://people.acme.example/ann",
    "emails": [
        {"value": "ann@acme.example", "type": "work", "primary": True},
        {"value": "ann@home.example", "type": "home"},
    ],
    "addresses": [{"streetAddress": "1 Elm St", "country": "NO", "type": "work", "primary": True}],
    "phoneNumbers": [{"value": "tel:+47-2222-0000", "type": "work"}],
    "ims": [{"value": "ann", "type": "xmpp"}],
    "photos": [{"value": "https://people.acme.example/ann.png", "type": "photo"}],
    "roles": [{"value": "lead", "display": "Lead"}],
    "entitlements": [{"value": "beta"}],
    "x509Certificates": [{"value": "aGkh"}],
    "preferredLanguage": "en-US",
    "active": True,
    ENTERPRISE: {
        "employeeNumber": "7",
        "department": "Design",
        "manager": {"value": "26118915", "$ref": "../Users/26118915"},
    },
    BADGE.schema: {"badge": 7},
}
TEAM = {
    "schemas": [GROUP],
    "displayName": "Design",
    "members": [{"value": "2819c223", "$ref": "https://x.example/Users/2819c223", "type": "User"}],
}


def changes(*operations: Json) -> Json:
    return {"schemas": [PATCH], "Operations": list(operations)}


OF_THE_RFC = [
    ("POST", "/Users", PERSON),
    ("PUT", "/Users/1", PERSON),
    ("POST", "/Users", {"schemas": [USER], "userName": "bo", "emails": [], "title": ""}),
    ("POST", "/Groups", TEAM),
    ("PUT", "/Groups/1", TEAM | {"members": []}),
    ("PATCH", "/Users/1", changes(replaces("active", False))),
    ("PATCH", "/Users/1", changes(replaces(MANAGER, {"value": "26118915"}))),
    ("PATCH", "/Users/1", changes(replaces("emails", PERSON["emails"]))),
    ("PATCH", "/Users/1", changes(replaces('addresses[type eq "work"]', PERSON["addresses"][0]))),
    ("PATCH", "/Users/1", changes(replaces('emails[type eq "a.b:c"].value', "b@acme.example"))),
    (
        "PATCH",
        "/Users/1",
        changes(replaces("name.familyName", "Lie"), {"op": "remove", "path": "x"}),
    ),
    ("PATCH", "/Users/1", changes({"op": "add", "value": {"title": "x", "emails": []}})),
    ("PATCH", "/Users/1", changes({"op": "replace", "value": {ENTERPRISE: {"division": "x"}}})),
    ("PATCH", "/Groups/1", changes(adds("a", "b"), removes("c"), replaces("displayName", "x"))),
    ("PATCH", "/Groups/1", changes({"op": "remove", "path": "members"})),
    ("POST", "/.search", {"filter": 'userName eq "x" and not (title pr)', "count": 7}),
    (
        "POST",
        "/Bulk",
        {
            "Operations": [
                {"method": "POST", "path": "/Users", "bulkId": "a", "data": PERSON},
                {"method": "PATCH", "path": "/Groups/1", "data": changes(adds("bulkId:a"))},
                {"method": "DELETE", "path": "/Users/1", "version": 'W/"1"'},
            ]
        },
    ),
]


@pytest.mark.parametrize("provider", ALL)
def test_what_is_in_rfc_form_stays_as_it_is(provider: str) -> None:
    for method, path, body in OF_THE_RFC:
        assert ALL[provider].body(method, path, body) == body


SAID = [
    (replaces("active", ["False"]), replaces("active", "False")),
    (replaces("displayName", [{"$ref": None, "value": "x"}]), replaces("displayName", "x")),
    (replaces("emails", "x"), replaces("emails", [{"value": "x"}])),
    (replaces("addresses", ["x"]), replaces("addresses", [{"formatted": "x"}])),
    (
        replaces("emails[type eq work]", [{"value": "x"}]),
        replaces('emails[type eq "work"]', {"value": "x"}),
    ),
    (replaces(MANAGER, "x"), replaces(MANAGER, {"value": "x"})),
    ({"op": "Add", "path": MANAGER, "value": ""}, replaces(MANAGER, None)),
    ({"op": "Remove", "path": MANAGER, "value": "x"}, {"op": "Remove", "path": MANAGER}),
    (
        {"op": "remove", "path": "members", "value": "x"},
        {"op": "remove", "path": "members", "value": [{"value": "x"}]},
    ),
    (
        {"op": "remove", "path": "members", "value": [{"$ref": "x", "value": "y", "display": "z"}]},
        {"op": "remove", "path": "members", "value": [{"value": "y"}]},
    ),
    (
        {"op": "replace", "value": [{"name.givenName": ["x"]}]},
        {"op": "replace", "value": {"name": {"givenName": "x"}}},
    ),
    ({"OP": "add", "Path": "title", "Value": "x"}, {"op": "add", "path": "title", "value": "x"}),
]


@pytest.mark.parametrize(("sent", "meant"), SAID)
@pytest.mark.parametrize("provider", ALL)
def test_what_anybody_may_send_is_the_same_of_all(provider: str, sent: Json, meant: Json) -> None:
    assert ALL[provider].body("PATCH", "/Users/1", changes(sent)) == changes(meant)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"schemas": USER, "title": ["x"]}, {"schemas": [USER], "title": "x"}),
        ({"schemas": ["urn:x:y:z"]}, {"schemas": [USER, "urn:x:y:z"]}),
        ({"Schemas": None}, {"schemas": [USER]}),
        ({"schemas": [GROUP]}, {"schemas": [GROUP]}),
        ({"ID": 1, "meta": "x", "groups": ["y"], f"{USER}:id": 1, "title": "x"}, {"title": "x"}),
        ({"externalId": 7, "title": 7}, {"externalId": "7", "title": 7}),
        ({f"{ENTERPRISE}:employeeNumber": 7}, {ENTERPRISE: {"employeeNumber": "7"}}),
        ({ENTERPRISE: [{"costCenter": 7}]}, {ENTERPRISE: {"costCenter": "7"}}),
        ({f"{BADGE.schema}:badge": [7]}, {BADGE.schema: {"badge": 7}}),
        (
            {"name.givenName": "x", "NAME": {"familyName": ["y"]}},
            {"name": {"givenName": "x", "familyName": "y"}},
        ),
        ({"profileUrl": "www.acme.example"}, {"profileUrl": None}),
        ({"profileUrl": "https://acme.example"}, {"profileUrl": "https://acme.example"}),
        (
            {"photos": ["n/a", "https://acme.example/a.png", {"type": "photo"}]},
            {"photos": [{"value": "https://acme.example/a.png"}, {"type": "photo"}]},
        ),
        ({"urn:okta:acme:1.0:user:custom": {"x": 1}}, {"urn:okta:acme:1.0:user:custom": {"x": 1}}),
    ],
)
@pytest.mark.parametrize("provider", ALL)
def test_a_whole_resource_is_the_same_of_all(provider: str, sent: Json, meant: Json) -> None:
    assert ALL[provider].body("POST", "/Users", sent) == meant


def test_names_with_a_filter_are_operations_of_their_own() -> None:
    value = {"title": "x", 'emails[type eq "work"].value': "y", f"{USER}:nickName": "z"}
    assert ALL["rippling"].body(
        "PATCH", "/Users/1", changes({"op": "add", "value": value})
    ) == changes(
        {"op": "add", "value": {"title": "x", "nickName": "z"}},
        {"op": "add", "path": 'emails[type eq "work"].value', "value": "y"},
    )


def test_what_only_one_means_is_left_to_the_library_of_others() -> None:
    role = json.dumps({"value": "lead", "displayName": "Lead"})
    only: list[tuple[set[str], Json]] = [
        ({"okta"}, {"op": "replace", "value": {"id": "1", "displayName": "x"}}),
        ({"entra"}, {"op": "add", "path": "manager", "value": {"value": "x"}}),
        ({"entra"}, {"op": "add", "path": "roles", "value": [{"value": role}]}),
        ({"jumpcloud"}, {"op": "remove", "value": {"members": [{"value": "x"}]}}),
    ]
    for providers, operation in only:
        body = changes(operation)
        changed = {name for name, each in ALL.items() if each.body("PATCH", "/x", body) != body}
        assert changed == providers | {"generic", "google"}


def test_deviations_one_by_one() -> None:
    assert entra.enterprise_names("Manager.value", 1) == (f"{ENTERPRISE}:Manager.value", 1)
    assert entra.enterprise_names("title", 1) == ("title", 1)
    role = json.dumps({"id": "1", "value": "lead", "displayName": "Lead"})
    assert entra.role_texts("roles", role) == ("roles", {"value": "lead", "display": "Lead"})
    for no_role in ("lead", "{", "{}", '{"value": 1}', '{"value": "{}"}', None, 1):
        assert entra.role_texts("Roles", [no_role]) == ("Roles", [no_role])
    assert onelogin.enterprise_urn(onelogin.EXTENSION.upper(), 1) == (ENTERPRISE, 1)
    assert onelogin.enterprise_urn(f"{onelogin.EXTENSION}:manager", 1) == (MANAGER, 1)
    assert onelogin.schemas("schemas", [onelogin.CORE, "x"]) == ("schemas", ["x"])
    rename = {"op": "replace", "value": {"ID": "1", "displayName": "x"}}
    assert okta.own_id(rename) == [{"op": "replace", "value": {"displayName": "x"}}]
    assert okta.own_id(replaces("id", "1")) == [replaces("id", "1")]
    gone = {"op": "Remove", "value": {"members": ["x"], "title": "y"}}
    assert [each["path"] for each in jumpcloud.removal_by_value(gone)] == ["members", "title"]


@pytest.mark.parametrize("nothing", [None, [], {}, ""])
def test_a_removal_whose_value_names_nobody_removes_nobody(nothing: Any) -> None:
    """Not all of them: the library refuses a removal without a path."""
    gone = {"op": "remove", "value": {"members": nothing}}
    assert jumpcloud.removal_by_value(gone) == [gone]
    also = {"op": "remove", "value": {"members": nothing, "title": "y"}}
    assert [each["path"] for each in jumpcloud.removal_by_value(also)] == ["title"]
    body = ALL["jumpcloud"].body("PATCH", "/Groups/1", changes(gone))
    with pytest.raises(ValidationError, match="requires a path"):
        PatchOp[Group].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("userName eq ann@acme.example", 'userName eq "ann@acme.example"'),
        ("userName EQ 'Ann Lee'", 'userName EQ "Ann Lee"'),
        ("(title co a\\b) or title sw c", '(title co "a\\\\b") or title sw "c"'),
        (
            "active eq True and x gt -1.5e3 or y eq null",
            "active eq True and x gt -1.5e3 or y eq null",
        ),
        ('title eq "x eq y" and z ne "\\" eq a"', 'title eq "x eq y" and z ne "\\" eq a"'),
        ('title eq "never ended eq x', 'title eq "never ended eq x'),
        ("emails[type eq work].value", 'emails[type eq "work"].value'),
    ],
)
def test_texts_in_filters_are_quoted(sent: str, meant: str) -> None:
    assert filters.quoted(sent) == meant
    assert filters.quoted(meant) == meant


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("u+eq+%22a%2Bb@x.example%22", 'u eq "a+b@x.example"'),
        ("u+eq+%22a+b@x.example%22", 'u eq "a+b@x.example"'),
        ("u+eq+%22a+b%22", 'u eq "a b"'),
        ("u+eq+%22a+@+b%22", 'u eq "a @ b"'),
        ("u%20eq%20%22a+b%22", 'u eq "a+b"'),
        ("u eq %22%ED%A0%80%22+and+x pr", 'u eq "\ufffd\ufffd\ufffd"+and+x pr'),
    ],
)
def test_a_plus_in_a_filter(sent: str, meant: str) -> None:
    assert filters.decoded(sent) == meant


def test_urls() -> None:
    for path, meant in {
        "": "/",
        "/": "/",
        "/users/": "/Users",
        "/GROUPS/A/.search": "/Groups/A/.search",
        "//Users//1": "/Users//1",
        "/other/x": "/other/x",
    }.items():
        assert urls.path_of(path) == meant
    asked = "aadOptscim062020&STARTINDEX=2&count=&filter=x+pr&a%20b=c&"
    expected = {"aadOptscim062020": "", "startIndex": "2", "filter": "x pr", "a b": "c"}
    assert urls.query_of(asked) == expected
    assert urls.query_of("?") == {"?": ""}
    with pytest.raises(SCIMException):
        urls.query_of("x" * (limits.SCIM_QUERY + 1))


def test_what_one_operation_stands_for_is_bounded() -> None:
    names = {f'emails[type eq "{number}"].value': "x" for number in range(limits.SCIM_ENTRIES + 1)}
    content = json.dumps(changes({"op": "add", "value": names})).encode()
    asked = ScimRequest(method="PATCH", base_url="https://x.example", path="/Users/1", body=content)
    body = Body(content)
    require_bounded(asked, body.sent)
    with pytest.raises(SCIMException) as refused:
        body.translate(ALL["okta"], asked.method, asked.path)
    assert refused.value.status == 413


NAMES = [
    *("userName", "active", "name", "name.givenName", "Name.x", "emails", "members", "manager"),
    *("roles", "addresses", "schemas", "id", "groups", "op", "path", "value", "Operations", "data"),
    *("method", "filter", "profileUrl", ENTERPRISE, MANAGER, f"{MANAGER}.value", USER, "urn:", ":"),
    *(f"{USER}:title", onelogin.EXTENSION, f"{onelogin.EXTENSION}:manager", BADGE.schema),
    *('emails[type eq "work"].value', "emails[type eq work]", "", ".", "[", f"{ENTERPRISE}:"),
]
TEXTS = ["", "x", "True", "Remove", "add", "PATCH", "/users", "/Bulk", '{"value": "a"}', "a eq b"]
PATHS = ["/Users", "/Users/1", "/Groups", "/Bulk", "/.search", "/Users/.search", "/", "/x"]
names = st.sampled_from(NAMES) | st.text(max_size=5)
texts = st.sampled_from(TEXTS + NAMES) | st.text(max_size=5)
trees: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(
    provider=st.sampled_from(sorted(ALL)),
    method=st.sampled_from(["POST", "PUT", "PATCH"]),
    path=st.sampled_from(PATHS),
    body=st.dictionaries(names, trees, max_size=5) | trees,
)
@example("okta", "POST", "/Users", {USER: {"id": None}})  # was dropped the second time only
@example("okta", "POST", "/Users", {USER: {f"{USER}:title": None}})
def test_once_is_as_good_as_twice_and_nothing_fails(
    provider: str, method: str, path: str, body: Any
) -> None:
    before = json.dumps(body)
    once = ALL[provider].body(method, path, body)
    assert json.dumps(body) == before, "what was sent is nobody's to change"
    assert json.dumps(ALL[provider].body(method, path, once)) == json.dumps(once)


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(
    query=st.text(max_size=60)
    | st.lists(st.sampled_from([*"&=+%?\"'[]\\", "filter", " eq ", "%22"])).map("".join)
)
def test_no_query_makes_it_fail(query: str) -> None:
    asked = ALL["generic"].query(urls.query_of(query))
    assert ALL["generic"].query(asked) == asked
