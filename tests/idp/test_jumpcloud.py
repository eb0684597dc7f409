"""JumpCloud: jumpcloud.com, "Custom SCIM identity management integration" (idp-facts §4.1)."""

from typing import Any

from tests.idp.exchange import found, members, shown
from tests.scim.idp import ENTERPRISE, GROUP, USER, Body, Idp

PROVIDER = "jumpcloud"


def person(name: str = "ivy", **changed: Any) -> Body:
    """Whom JumpCloud creates."""
    return {
        "schemas": [USER, ENTERPRISE],
        "userName": f"{name}@acme.example",
        "externalId": f"65f0{name}",
        "name": {"givenName": name.title(), "familyName": "Roe"},
        "displayName": f"{name.title()} Roe",
        "emails": [{"type": "work", "primary": True, "value": f"{name}@acme.example"}],
        "active": True,
        "phoneNumbers": [],
        ENTERPRISE: {"department": "Design", "costCenter": "", "manager": {"value": ""}},
    } | changed


def made(idp: Idp, name: str = "ivy") -> str:
    return str(shown(idp, idp.http.post("Users", json=person(name)), 201)["id"])


def test_the_connection_is_tested_with_somebody_and_a_group_that_go_again(idp: Idp) -> None:
    assert found(idp, 'Users?filter=userName%20eq%20"ivy@acme.example"') == []
    ivy = made(idp)
    group = idp.group("jumpcloud-test", ivy)
    assert found(idp, "Groups?filter=displayName%20eq%20%22jumpcloud-test%22") == [group]
    for place in (f"Groups/{group}", f"Users/{ivy}"):
        assert idp.http.delete(place).status_code == 204
        assert idp.http.get(place).status_code == 404


def test_who_leaves_is_inactive_and_returns(idp: Idp) -> None:
    place = f"Users/{made(idp)}"
    assert shown(idp, idp.http.put(place, json=person(active=False)))["active"] is False
    back = idp.patch(place, {"op": "replace", "path": "active", "value": True})
    assert shown(idp, back)["active"] is True


def test_members_are_removed_by_a_list_without_a_filter(idp: Idp) -> None:
    people = ivy, abe, eli = made(idp), made(idp, "abe"), made(idp, "eli")
    body = {"schemas": [GROUP], "displayName": "Design", "externalId": "65f1"}
    place = f"Groups/{shown(idp, idp.http.post('Groups', json=body), 201)['id']}"
    add = {"op": "add", "path": "members", "value": [{"value": each} for each in people]}
    assert members(shown(idp, idp.patch(place, add))) == {*people}
    remove = {"op": "remove", "path": "members", "value": [{"value": ivy}]}
    assert members(shown(idp, idp.patch(place, remove))) == {abe, eli}
    nowhere = {"op": "remove", "value": {"members": [{"value": abe}]}}
    assert members(shown(idp, idp.patch(place, nowhere))) == {eli}
    assert members(shown(idp, idp.patch(place, nowhere))) == {eli}, "it was said before"


def test_a_group_is_put_with_its_members(idp: Idp) -> None:
    ivy = made(idp)
    place = f"Groups/{idp.group('Design')}"
    body: Body = {"schemas": [GROUP], "displayName": "Sketch", "members": [{"value": ivy}]}
    assert members(shown(idp, idp.http.put(place, json=body))) == {ivy}
    del body["members"]
    assert members(shown(idp, idp.http.put(place, json=body))) == {ivy}
