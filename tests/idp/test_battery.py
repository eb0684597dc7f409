"""The thirteen writes that two conformant servers fail six and five of (idp-facts §3.5).

Whoever sends them: what one IdP is known for, a gateway or a script in between may send too.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.idp.exchange import members, shown
from tests.scim.idp import ENTERPRISE, GROUP, USER, Admin, Body, Idp, user

ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
WORK = {"value": "ann@acme.example", "type": "work", "primary": True}


@pytest.fixture(scope="module")
def senders(company: Admin) -> Iterator[list[Idp]]:
    """Who sends each of them: one with a dialect, one without, and one that may be anybody."""
    with ExitStack() as stack:
        providers = ("entra", "rippling", "generic")
        yield [stack.enter_context(company.idp(provider)) for provider in providers]


def patched(idp: Idp, operation: Body) -> Body:
    """Somebody after a PATCH; nobody needs them any more."""
    place = f"Users/{idp.user('ann')}"
    after = shown(idp, idp.patch(place, operation))
    assert idp.http.delete(place).status_code == 204
    return after


def regrouped(idp: Idp, operation: Callable[[str, str], Body]) -> tuple[Body, dict[str, str]]:
    """A group of Ann and Bo after a PATCH, and their names by their ids."""
    names = {idp.user(name): name for name in ("ann", "bo")}
    ann, bo = names
    group = idp.group("Design", ann)
    answer = idp.patch(f"Groups/{group}", operation(bo, group))
    after = shown(idp, answer, answer.status_code)
    assert answer.status_code in {200, 204}
    for place in (f"Users/{ann}", f"Users/{bo}", f"Groups/{group}"):
        assert idp.http.delete(place).status_code == 204
    return after, names


@pytest.mark.parametrize(
    ("operation", "attribute", "value"),
    [
        ({"op": "Replace", "path": "active", "value": "False"}, "active", False),
        ({"op": "replace", "value": {"active": False}}, "active", False),
        (
            {
                "op": "replace",
                "value": {"name.givenName": "Anne", f"{ENTERPRISE}:employeeNumber": "7"},
            },
            ENTERPRISE,
            {"department": "Design", "employeeNumber": "7"},
        ),
        (
            {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+47 2222"},
            "phoneNumbers",
            [{"type": "mobile", "value": "+47 2222"}],
        ),
        (
            {"op": "Replace", "path": 'emails[type eq "home"].value', "value": "ann@home.example"},
            "emails",
            [WORK, {"type": "home", "value": "ann@home.example"}],
        ),
        (
            {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "abc"},
            ENTERPRISE,
            {"department": "Design", "manager": {"value": "abc"}},
        ),
        (
            {"op": "Add", "path": 'roles[primary eq "True"].value', "value": "lead"},
            "roles",
            [{"primary": True, "value": "lead"}],
        ),
    ],
)
def test_a_person_is_patched(
    senders: list[Idp], operation: Body, attribute: str, value: Any
) -> None:
    for idp in senders:
        assert patched(idp, operation)[attribute] == value


def a_list(bo: str, _: str) -> Body:
    return {"op": "Add", "path": "members", "value": [{"$ref": None, "value": bo}]}


def renames(_: str, group: str) -> Body:
    return {"op": "replace", "value": {"id": group, "displayName": "Sketch"}}


@pytest.mark.parametrize(
    ("operation", "named", "left"),
    [
        (a_list, "Design", {"ann", "bo"}),
        (renames, "Sketch", {"ann"}),
        (lambda bo, _: a_list(bo, "") | {"op": "Remove"}, "Design", {"ann"}),
        (
            lambda bo, _: {"op": "remove", "path": f'members[value eq "{bo}"]'},
            "Design",
            {"ann"},
        ),
    ],
)
def test_a_group_is_patched(
    senders: list[Idp],
    operation: Callable[[str, str], Body],
    named: str,
    left: set[str],
) -> None:
    for idp in senders:
        group, names = regrouped(idp, operation)
        assert group["displayName"] == named
        assert {names[each] for each in members(group)} == left


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("Users", user("eve") | {"meta": {"resourceType": "User"}, "roles": []}),
        ("Groups", {"schemas": [GROUP, ADSCIM], "displayName": "Writers", "externalId": "g-1"}),
    ],
)
def test_what_nobody_knows_is_left_aside(senders: list[Idp], endpoint: str, body: Body) -> None:
    for idp in senders:
        made = shown(idp, idp.http.post(endpoint, json=body), 201)
        expected = {name: value for name, value in body.items() if name not in {"meta", "roles"}}
        schemas = [each for each in body["schemas"] if each != ADSCIM]
        assert {name: made[name] for name in expected} == expected | {"schemas": schemas}
        assert USER in schemas or GROUP in schemas
