"""Okta: developer.okta.com, "SCIM 2.0 reference" and its FAQs (idp-facts §4.3)."""

from typing import Any

from tests.idp.exchange import found, members, shown
from tests.scim.idp import GROUP, PATCH, USER, Body, Idp

PROVIDER = "okta"


def person(name: str = "nia", **changed: Any) -> Body:
    """Whom Okta creates."""
    return {
        "schemas": [USER],
        "userName": f"{name}@acme.example",
        "name": {"givenName": name.title(), "familyName": "Odell"},
        "emails": [{"primary": True, "value": f"{name}@acme.example", "type": "work"}],
        "displayName": f"{name.title()} Odell",
        "locale": "en-US",
        "externalId": f"00u-{name}",
        "groups": [],
        "password": "vK3-aTq9zz",
        "active": True,
    } | changed


def made(idp: Idp, name: str = "nia") -> str:
    return str(shown(idp, idp.http.post("Users", json=person(name)), 201)["id"])


def test_the_connection_is_tested(idp: Idp) -> None:
    assert found(idp, "Users?startIndex=1&count=2") == []
    assert found(idp, "Groups?startIndex=1&count=100") == []
    token = idp.http.headers["Authorization"].removeprefix("Bearer ")
    assert idp.http.get("Users", headers={"Authorization": token}).status_code == 200


def test_a_person_is_looked_for_made_and_read(idp: Idp) -> None:
    look_up = "Users?filter=userName%20eq%20%22nia@acme.example%22&startIndex=1&count=100"
    assert found(idp, look_up) == []
    nia = shown(idp, idp.http.post("Users", json=person()), 201)
    assert found(idp, look_up) == [nia["id"]]
    assert nia["locale"] == "en-US"
    assert not {"password", "groups"} & nia.keys()


def test_a_whole_person_is_put_back_as_read(idp: Idp) -> None:
    nia = made(idp)
    group = idp.group("Design", nia)
    whole = idp.http.get(f"Users/{nia}").json()
    assert [each["value"] for each in whole["groups"]] == [group]
    whole["name"]["familyName"] = "Okafor"
    put = shown(idp, idp.http.put(f"Users/{nia}", json=whole))
    assert put["name"] == {"givenName": "Nia", "familyName": "Okafor"}
    assert (put["id"], put["groups"]) == (nia, whole["groups"])
    del whole["active"]
    idp.patch(f"Users/{nia}", {"op": "replace", "value": {"active": False}})
    assert shown(idp, idp.http.put(f"Users/{nia}", json=whole))["active"] is False


def test_who_is_deactivated_is_shown_and_comes_back(idp: Idp) -> None:
    nia = made(idp)
    place = f"Users/{nia}"
    for active in (False, True):
        operation = {"op": "replace", "value": {"active": active}}
        assert shown(idp, idp.patch(place, operation))["active"] is active
    put = idp.http.put(place, json=person(active=False))
    assert shown(idp, put)["active"] is False
    assert idp.found('userName eq "nia@acme.example"')[0]["active"] is False


def test_a_password_is_taken_and_forgotten(idp: Idp) -> None:
    operation = {"op": "replace", "value": {"password": "vK3-aTq9zz"}}
    assert "password" not in shown(idp, idp.patch(f"Users/{made(idp)}", operation))


def test_a_pushed_group_gets_members_with_its_name(idp: Idp) -> None:
    nia, tom = made(idp), made(idp, "tom")
    body = {"schemas": [GROUP], "displayName": "Design", "members": []}
    group = shown(idp, idp.http.post("Groups", json=body), 201)["id"]
    place = f"Groups/{group}"
    rename = {"op": "replace", "value": {"id": group, "displayName": "Sketch"}}
    assert shown(idp, idp.patch(place, rename))["displayName"] == "Sketch"
    add = {"op": "add", "path": "members", "value": [{"value": nia, "display": "nia@acme.example"}]}
    assert members(shown(idp, idp.patch(place, rename, add))) == {nia}
    swap: list[Body] = [
        {"op": "remove", "path": f'members[value eq "{nia}"]'},
        {"op": "add", "path": "members", "value": [{"value": tom, "display": "tom@acme.example"}]},
    ]
    assert members(shown(idp, idp.patch(place, rename, *swap))) == {tom}
    both = [{"value": nia}, {"value": tom}]
    everybody = {"op": "replace", "path": "members", "value": both}
    assert members(shown(idp, idp.patch(place, everybody))) == {nia, tom}
    assert idp.http.delete(place).status_code == 204
    assert found(idp, "Groups?startIndex=1&count=100") == []


def test_a_group_is_put_with_all_its_members(idp: Idp) -> None:
    nia, tom = made(idp), made(idp, "tom")
    body: Body = {"schemas": [GROUP], "displayName": "Design", "members": [{"value": nia}]}
    group = shown(idp, idp.http.post("Groups", json=body), 201)
    assert members(group) == {nia}
    place = f"Groups/{group['id']}"
    whole = group | {"members": [{"value": tom, "display": "tom@acme.example"}]}
    assert members(shown(idp, idp.http.put(place, json=whole))) == {tom}
    for left_out in ({}, {"members": None}):
        named = {"schemas": [GROUP], "displayName": "Sketch"} | left_out
        assert members(shown(idp, idp.http.put(place, json=named))) == {tom}
    cleared = {"schemas": [GROUP], "displayName": "Sketch", "members": []}
    assert members(shown(idp, idp.http.put(place, json=cleared))) == set()


def test_a_group_that_exists_is_refused_with_what_to_do(idp: Idp) -> None:
    idp.group("Design")
    again = idp.http.post("Groups", json={"schemas": [GROUP], "displayName": "Design"})
    assert again.status_code == 409
    assert "refresh app groups" in again.json()["detail"]


def test_the_id_of_a_rename_is_of_no_account(idp: Idp) -> None:
    """Only of Okta: RFC 7644 §3.5.2 has a client that changes an id refused."""
    group = idp.group("Design")
    body = {
        "schemas": [PATCH],
        "Operations": [{"op": "replace", "value": {"id": "g-1", "displayName": "Sketch"}}],
    }
    renamed = shown(idp, idp.http.patch(f"Groups/{group}", json=body))
    assert (renamed["id"], renamed["displayName"]) == (group, "Sketch")
