"""Any other client: scripts, gateways, Postman, and what several IdPs send through one of them."""

import json
from typing import Any

import pytest

from tests.idp.exchange import found, members, shown
from tests.scim.idp import ENTERPRISE, GROUP, PATCH, USER, Body, Idp, adds, user

PROVIDER = "generic"


def test_endpoints_are_known_in_any_case(idp: Idp) -> None:
    """Microsoft's collection for Postman asks for `/users` (idp-facts §7)."""
    ann = shown(idp, idp.http.post("users", json=user()), 201)
    assert ann["meta"]["location"].endswith(f"/scim/v2/Users/{ann['id']}")
    group = shown(idp, idp.http.post("groups", json={"schemas": [GROUP], "displayName": "D"}), 201)
    assert found(idp, "USERS?startindex=1&COUNT=1") == [ann["id"]]
    assert idp.patch(f"groups/{group['id']}", adds(ann["id"])).status_code == 200
    assert idp.members_of(group["id"]) == {ann["id"]}
    assert idp.http.get("serviceproviderconfig").status_code == 200
    for place in ("Users?", "Users/", "users/?&", "Users?filter=&count=&"):
        assert found(idp, place) == [ann["id"]]


def test_the_base_url_may_end_in_a_slash(idp: Idp) -> None:
    idp.user()
    base = str(idp.http.base_url).rstrip("/")
    for place in (base, f"{base}/", f"{base}//Users"):
        assert len(found(idp, place)) == 1


@pytest.mark.parametrize(
    "query",
    [
        "filter=userName%20eq%20%22ann%2Bcrm%40acme.example%22",
        "filter=userName+eq+%22ann%2Bcrm@acme.example%22",
        "filter=userName%20eq%20%22ann+crm@acme.example%22",
        "filter=userName+eq+%22ann+crm@acme.example%22",
        "filter=userName eq ann%2Bcrm@acme.example",
        "filter=userName%20eq%20ann+crm@acme.example",
        "FILTER=USERNAME%20EQ%20'ann+crm@acme.example'",
        "filter=title+eq+%22Head+of+R%2BD%22",
        "filter=title%20eq%20%22Head%20of%20R+D%22",
        "filter=active%20eq%20%22True%22",
    ],
)
def test_a_plus_is_what_its_sender_means(idp: Idp, query: str) -> None:
    ann = idp.user("ann+crm", title="Head of R+D")
    idp.user("ann crm", title="Head of R D", active=False)
    assert found(idp, f"Users?{query}") == [ann]


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/json;charset=utf-8", "*/*"])
def test_json_is_json_whatever_it_is_called(idp: Idp, kind: str | None) -> None:
    content = json.dumps(user()).encode()
    headers = {} if kind is None else {"Content-Type": kind}
    shown(idp, idp.http.post("Users", content=content, headers=headers), 201)


def test_what_cannot_be_json_is_415(idp: Idp) -> None:
    headers = {"Content-Type": "application/xml"}
    assert idp.http.post("Users", content=b"<User/>", headers=headers).status_code == 415


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"active": "False"}, {"active": False}),
        ({"active": ["true"]}, {"active": True}),
        ({"active": None}, {"active": True}),
        ({"title": ["Lead"]}, {"title": "Lead"}),
        ({"title": {"value": "Lead"}}, {"title": "Lead"}),
        ({"emails": "a@acme.example"}, {"emails": [{"value": "a@acme.example"}]}),
        ({"emails": ["a@acme.example", None]}, {"emails": [{"value": "a@acme.example"}]}),
        ({"emails": {"value": "a@acme.example"}}, {"emails": [{"value": "a@acme.example"}]}),
        ({"addresses": ["1 Elm St"]}, {"addresses": [{"formatted": "1 Elm St"}]}),
        ({"name": "Ann Lee"}, {"name": {"formatted": "Ann Lee"}}),
        ({"name": [{"givenName": ["Ann"]}]}, {"name": {"givenName": "Ann"}}),
        ({"name.givenName": "Jo"}, {"name": {"givenName": "Jo", "familyName": "Lee"}}),
        ({f"{USER}:title": "Lead"}, {"title": "Lead"}),
        ({USER: {"title": "Lead"}}, {"title": "Lead"}),
        (
            {f"{ENTERPRISE}:employeeNumber": "7"},
            {ENTERPRISE: {"department": "Design", "employeeNumber": "7"}},
        ),
        ({ENTERPRISE: [{"manager": ["b0ss"]}]}, {ENTERPRISE: {"manager": {"value": "b0ss"}}}),
        ({"profileUrl": "n/a", "photos": "n/a"}, {"displayName": "Ann Lee"}),
        ({"externalId": 7}, {"externalId": "7"}),
        ({"schemas": USER}, {"schemas": [USER, ENTERPRISE]}),
        ({"schemas": []}, {"schemas": [USER, ENTERPRISE]}),
        ({"schemas": ["urn:x:y:z"]}, {"schemas": [USER, ENTERPRISE]}),
        ({"id": 7, "meta": "x", "groups": ["y"]}, {"displayName": "Ann Lee"}),
    ],
)
def test_a_person_is_made_and_put_as_meant(idp: Idp, changed: Body, expected: Body) -> None:
    made = shown(idp, idp.http.post("Users", json=user() | changed), 201)
    assert {name: made[name] for name in expected} == expected
    put = shown(idp, idp.http.put(f"Users/{made['id']}", json=user() | changed))
    assert {name: put[name] for name in expected} == expected


def test_one_operation_needs_no_list(idp: Idp) -> None:
    place = f"Users/{idp.user()}"
    body = {"schemas": PATCH, "Operations": {"op": "REPLACE", "value": [{"title": "Lead"}]}}
    assert shown(idp, idp.http.patch(place, json=body))["title"] == "Lead"


def test_members_are_named_in_any_form(idp: Idp) -> None:
    ann, bo = idp.user("ann"), idp.user("bo")
    body = {"schemas": [GROUP], "displayName": "Design", "members": [ann]}
    group = shown(idp, idp.http.post("Groups", json=body), 201)
    assert members(group) == {ann}
    place = f"Groups/{group['id']}"
    steps: list[tuple[Body, set[str]]] = [
        ({"op": "add", "path": "members", "value": bo}, {ann, bo}),
        ({"op": "remove", "path": "members", "value": [ann]}, {bo}),
        ({"op": "add", "path": "members", "value": {"value": ann}}, {ann, bo}),
        ({"op": "remove", "path": f"members[value eq {ann}]"}, {bo}),
        ({"op": "remove", "path": "members", "value": [{"value": ann, "display": "Ann"}]}, {bo}),
        ({"op": "remove", "path": f'members[value eq "{bo}"]', "value": [bo]}, set()),
    ]
    for operation, left in steps:
        assert members(shown(idp, idp.patch(place, operation))) == left


def test_it_is_the_same_within_a_bulk_request(idp: Idp) -> None:
    ann = idp.user()
    operations: list[Body] = [
        {"method": "POST", "path": "/users", "bulkId": "a", "data": user("bo", active="False")},
        {
            "method": "PATCH",
            "path": f"/Users/{ann}",
            "data": {"Operations": [{"op": "Add", "path": "manager", "value": "b0ss"}]},
        },
    ]
    done = idp.http.post("bulk", json={"Operations": operations})
    assert [each["status"] for each in done.json()["Operations"]] == ["201", "200"], done.text
    assert idp.found('userName eq "bo@acme.example"')[0]["active"] is False
    manager: Any = idp.http.get(f"Users/{ann}").json()[ENTERPRISE]["manager"]
    assert manager == {"value": "b0ss"}


def test_a_search_by_post_takes_the_same_filters(idp: Idp) -> None:
    ann = idp.user()
    body = {"filter": "userName eq ann@acme.example"}
    answer = idp.http.post("users/.search", json=body)
    assert [each["id"] for each in answer.json()["Resources"]] == [ann], answer.text
