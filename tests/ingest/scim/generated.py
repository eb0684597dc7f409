"""Documents and filters as Hypothesis makes them, rich in what databases tend to get wrong."""

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from inspect import isclass
from typing import Any

from hypothesis import strategies as st
from pydantic import EmailStr
from scim2_models import BaseModel, Group, ScimFilter, SearchRequest
from scim2_models.resources.user import Address, Email
from scim2_server.testing import ENTERPRISE

from tests.ingest.scim.directories import SITE, Badge, Document, Person

WORDS = [
    *("", "a", "A", "ab", "bA", "b", "50%", "a_b", "%", "_", "\\", '"', "'", " ", "\x01", "$.a"),
    *("é", "e\u0301", "É", "İ", "i̇", "i", "I", "ı", "ß", "ẞ", "SS", "Σ", "ας", "ΑΣ", "ασ", "ΑΣΑ"),
    *("\u0301Σ", "\u0345Σ", "\u2019Σ", "😀", "\U00010400", "\uffff", "\ue000", "\u212a", "\u212b"),
    *("ﬁ", "Ǆ", "ẛ̣", "\u1100\u1161", "p0", "P1", "t0", "T0", "User", "Group", 'W/"'),
]
BEYOND = ["\0", "a\0", "\0b", "a\0b", "\ud800", "a\udfffb"]  # no text of Postgres

words = st.sampled_from(WORDS) | st.lists(st.sampled_from(WORDS), max_size=3).map("".join)
flags = st.booleans()
emails = st.sampled_from(["ann@a.example", "Ann@a.example", "bob@b.example", "é@b.example"])
NUMBERS = [-1, 0, 1, 2, 3, 2**53 + 1, 10**30]
FLOATS = [-0.0, 0.1, 0.3, 0.1 + 0.2, 1.0, 1e22, 5e-324]
INSTANTS = [
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.678901Z",
    "2026-01-02T04:04:05.678902+01:00",
    "2025-12-31T23:00:00-05:30",
    "0001-01-01T00:00:00+05:00",
]
LOCAL = ["2026-01-02T03:04:05", "2026-01-02T03:04:05.678901"]
numbers = st.sampled_from(NUMBERS)
floats = st.sampled_from(FLOATS)
instants = st.sampled_from(INSTANTS)
local = st.sampled_from(LOCAL)
seals = st.sampled_from(["", "aGk=", "aGkh"])


def _some(**attributes: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries({}, optional=attributes)


def _several(**attributes: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Document]]:
    return st.lists(_some(**attributes), max_size=3)


def people(hired: st.SearchStrategy[str]) -> st.SearchStrategy[list[Document]]:
    """Users with the core attributes, the enterprise's and our own."""
    enterprise = _some(
        employeeNumber=words, department=words, manager=_some(value=words, displayName=words)
    )
    badges = {"value": words, "primary": flags, "level": numbers}
    site = _some(
        code=words,
        floor=numbers,
        score=floats,
        remote=flags,
        hired=hired,
        seal=seals,
        tags=st.lists(words, max_size=2),
        levels=st.lists(numbers, max_size=2),
        turns=st.lists(flags, max_size=2),
        badges=_several(**badges, colours=st.lists(words, max_size=2)),
        desk=_some(room=words, labels=st.lists(words, max_size=2)),
    )
    core = _some(
        externalId=words,
        title=words | st.none(),
        active=flags,
        name=_some(givenName=words, familyName=words),
        emails=_several(value=emails, type=st.sampled_from(["work", "WORK", "é"]), primary=flags),
        addresses=_several(locality=words, country=words),
        x509Certificates=_several(value=seals, display=words),
        roles=_several(value=words, primary=flags) | st.none(),
    )
    named = words.map(lambda word: {"userName": word})
    extended = _some(**{ENTERPRISE: enterprise, SITE: site})
    one = st.builds(lambda *parts: parts[0] | parts[1] | parts[2], named, core, extended)
    return st.lists(one, min_size=1, max_size=4)


teams = st.lists(
    st.builds(lambda name, more: {"displayName": name} | more, words, _some(externalId=words)),
    min_size=1,
    max_size=3,
)
members = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 3)))

_STRINGS = ("co", "sw", "ew")
_EQUAL = ("eq", "ne")
_ORDER = ("gt", "ge", "lt", "le")
_TEXTS = words | st.sampled_from(BEYOND) | st.none()
_JSON = _TEXTS | flags | numbers | floats
_LITERALS: list[tuple[type, st.SearchStrategy[Any]]] = [
    (bool, flags),
    (int, numbers | flags),
    (float, floats | numbers),
    (datetime, instants | local),
    (bytes, seals),
    (EmailStr, emails),
    (StrEnum, words),
]

Tested = tuple[str, Any]
"""A path, and the type of what is compared there; None for a plain value, which may be any."""


def _tested(model: type[BaseModel], *paths: str) -> list[Tested]:
    found = []
    for path in paths:
        bound: ScimFilter[Any] = ScimFilter.__class_getitem__(model)(f"{path} pr")
        binding = bound.resolve_comparison(bound.ast.attr_path, strict=False)  # type: ignore[attr-defined]
        found.append((path, str if binding is None else binding.target_type))
    return found


@st.composite
def _comparisons(draw: st.DrawFn, tested: Sequence[Tested]) -> str:
    path, declared = draw(st.sampled_from(tested))
    equal_only = isclass(declared) and issubclass(declared, bool | bytes)
    allowed = _EQUAL if equal_only else (*_EQUAL, *_ORDER, *_STRINGS)
    op = draw(st.sampled_from(("pr", *allowed)))
    if op == "pr":
        return f"{path} pr"
    values: st.SearchStrategy[Any] = _TEXTS
    if declared is None or op in _STRINGS:
        values = _JSON
    elif isclass(declared):
        fitting = (each for types, each in _LITERALS if issubclass(declared, types))
        values = next(fitting, _TEXTS) | st.none()
    return f"{path} {op} {json.dumps(draw(values))}"


def _joined(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def join(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        both = st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner)
        return inner.map("not ({})".format) | both

    return st.recursive(leaves, join, max_leaves=4)


def _selections(path: str, tested: Sequence[Tested]) -> st.SearchStrategy[str]:
    inner = _comparisons(tested)
    selection = _joined(inner).map(lambda test: f"{path}[{test}]")
    single = _comparisons([(path, declared) for path, declared in tested if "." not in path])
    return selection | st.builds("{}.{}".format, selection, single)  # as Entra sends it


def _filters(
    model: type[BaseModel], paths: Sequence[str], selected: dict[str, Sequence[Tested]]
) -> st.SearchStrategy[list[ScimFilter[Any]]]:
    selections = [_selections(path, tested) for path, tested in selected.items()]
    one = _joined(_comparisons(_tested(model, *paths)) | st.one_of(selections))
    return st.lists(one.map(ScimFilter.__class_getitem__(model)), min_size=1, max_size=4)


_PLAIN: list[Tested] = [("value", None), ("VALUE", None), ("other", None), ("value.sub", None)]
_META = ("created", "lastModified", "resourceType", "version")
_ENTERPRISE = ("employeeNumber", "department", "manager", "manager.value", "manager.displayName")
_SITE = (
    *("code", "floor", "score", "remote", "hired", "seal", "tags", "levels", "turns"),
    *("desk", "desk.room", "desk.labels", "badges", "badges.value", "badges.level"),
    *("badges.colours", "badges.primary"),
)
UNSORTABLE = ("seal", "desk", "desk.labels", "badges.colours")

people_filters = _filters(
    Person,
    [
        *("id", "externalId", "userName", "USERNAME", "title", "active", "displayName"),
        *("name", "name.givenName", "name.familyName", "emails", "emails.value", "emails.type"),
        *("emails.primary", "addresses", "addresses.country", "roles", "roles.value", "meta"),
        *("x509Certificates", "x509Certificates.value", "groups", "groups.value", "groups.display"),
        *("unknown", "emails.unknown", "userName.unknown", "urn:example:nowhere:userName", "Site"),
        *("EnterpriseUser.department", ENTERPRISE, f"{SITE}:unknown"),
        *(f"meta.{name}" for name in _META),
        *(f"{ENTERPRISE}:{name}" for name in _ENTERPRISE),
        *(f"{SITE}:{name}" for name in _SITE),
    ],
    {
        "emails": _tested(Email, "value", "type", "primary", "unknown", "value.unknown"),
        "addresses": _tested(Address, "country", "locality"),
        "groups": [("value", str), ("display", str), ("unknown", str)],
        f"{SITE}:badges": _tested(Badge, "value", "level", "primary", "colours"),
        f"{SITE}:tags": _PLAIN,
        f"{SITE}:levels": _PLAIN,
        f"{SITE}:turns": _PLAIN,
        "unknown": _PLAIN,
    },
)
team_filters = _filters(
    Group,
    [
        *("id", "externalId", "displayName", "userName", "members", "members.value", "meta"),
        *(f"meta.{name}" for name in _META),
    ],
    {"members": [("value", str), ("unknown", str)]},
)

sorts = st.builds(
    lambda path, order: SearchRequest[Person](sort_by=path, sort_order=order),
    st.sampled_from(
        [
            *("id", "externalId", "userName", "title", "active", "displayName", "name.familyName"),
            *("emails", "emails.type", "emails.primary", "roles", "addresses.country"),
            *(f"meta.{name}" for name in _META),
            *(f"{ENTERPRISE}:{name}" for name in _ENTERPRISE if name != "manager"),
            *(f"{SITE}:{name}" for name in _SITE if name not in UNSORTABLE),
        ]
    ),
    st.sampled_from(SearchRequest.SortOrder),
)
