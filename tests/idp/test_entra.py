"""Entra ID: learn.microsoft.com, "Develop and plan provisioning for a SCIM endpoint".

With and without `?aadOptscim062020`: provisioning on demand ignores it, so both forms come from one
tenant (idp-facts §4.2).
"""

import json
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.idp.exchange import found, members, shown
from tests.scim.idp import ENTERPRISE, GROUP, PATCH, USER, Body, Idp

PROVIDER = "entra"
FLAG = "?aadOptscim062020"
ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


def person(name: str = "mei", **changed: Any) -> Body:
    """Whom Entra creates."""
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": f"oid-{name}",
        "userName": f"{name}@acme.example",
        "active": True,
        "emails": [{"primary": True, "type": "work", "value": f"{name}@acme.example"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": f"{name} tan", "familyName": "tan", "givenName": name},
        "roles": [],
    } | changed


def made(idp: Idp, name: str = "mei", **changed: Any) -> str:
    return str(shown(idp, idp.http.post("Users", json=person(name, **changed)), 201)["id"])


def team(idp: Idp, **changed: Any) -> str:
    body = {
        "schemas": [GROUP, ADSCIM],
        "externalId": "8aa1a0c0",
        "displayName": "Design",
        "meta": {"resourceType": "Group"},
    } | changed
    return str(shown(idp, idp.http.post("Groups", json=body), 201)["id"])


def patch(idp: Idp, place: str, *operations: Body) -> httpx2.Response:
    body = {"schemas": [PATCH], "Operations": list(operations)}
    return idp.http.patch(place, json=body)


def says(op: str, path: str, *value: Any) -> Body:
    return {"op": op, "path": path} | ({"value": value[0]} if value else {})


def test_the_connection_is_tested(idp: Idp) -> None:
    nobody = quote('userName eq "7f4f2f0e-6a2b-4d0c-a1f9-2f7d1a9c8f55"')
    nothing = quote('displayName eq "7f4f2f0e"')
    assert found(idp, f"Users?filter={nobody}") == []
    assert found(idp, f"Users{FLAG}&filter={nobody}") == []
    assert found(idp, f"Groups?excludedAttributes=members&filter={nothing}") == []
    assert idp.http.get("Schemas").status_code == 200


def test_a_person_is_matched_by_any_name(idp: Idp) -> None:
    mei = made(idp)
    for asked in (
        'userName eq "MEI@acme.example"',
        'externalId eq "oid-mei"',
        'emails[type eq "work"].value eq "mei@acme.example"',
        'emails[type eq "work" and value eq "mei@acme.example"]',
        'externalId eq "oid-mei" and userName eq "mei@acme.example"',
    ):
        assert found(idp, f"Users?filter={quote(asked)}") == [mei]


@pytest.mark.parametrize("flag", ["", FLAG])
def test_who_is_disabled_is_found_and_restored(idp: Idp, flag: str) -> None:
    place = f"Users/{made(idp)}{flag}"
    for sent, active in (("False", False), ("True", True), (False, False), (["True"], True)):
        assert shown(idp, patch(idp, place, says("Replace", "active", sent)))["active"] is active
    assert shown(idp, patch(idp, place, says("Add", "active", "false")))["active"] is False
    assert idp.found('externalId eq "oid-mei"')[0]["active"] is False
    back = {"op": "replace", "value": {"active": True}}
    assert shown(idp, patch(idp, place, back))["active"] is True
    assert idp.http.delete(place).status_code == 204


def test_one_attribute_an_operation(idp: Idp) -> None:
    place = f"Users/{made(idp)}"
    after = shown(
        idp,
        patch(
            idp,
            place,
            says("Replace", 'emails[type eq "work"].value', "mei.tan@acme.example"),
            says("Replace", "name.familyName", ["Tanaka"]),
            says("Add", "title", [{"value": "Lead"}]),
            says("Add", 'phoneNumbers[type eq "mobile"].value', "+1 202 555 0144"),
            says("Add", 'addresses[type eq "work"].locality', "Oslo"),
            says("Replace", f"{ENTERPRISE}:employeeNumber", "1187"),
            says("Add", f"{USER}:nickName", "Mei"),
        ),
    )
    assert after["emails"] == [{"primary": True, "type": "work", "value": "mei.tan@acme.example"}]
    assert (after["name"]["familyName"], after["title"]) == ("Tanaka", "Lead")
    assert after["phoneNumbers"] == [{"type": "mobile", "value": "+1 202 555 0144"}]
    assert after["addresses"] == [{"type": "work", "locality": "Oslo"}]
    assert (after[ENTERPRISE]["employeeNumber"], after["nickName"]) == ("1187", "Mei")


def test_with_the_flag_many_attributes_an_operation(idp: Idp) -> None:
    place = f"Users/{made(idp)}{FLAG}"
    value = {
        "displayName": "Mei Tanaka",
        "name.givenName": "Mei",
        "name.familyName": ["Tanaka"],
        f"{ENTERPRISE}:department": "Design",
        f"{ENTERPRISE}:manager": "b0ss",
        'emails[type eq "home"].value': "mei@home.example",
        'emails[type eq "work"].value': "mei.tan@acme.example",
    }
    after = shown(idp, patch(idp, place, {"op": "replace", "value": value}))
    assert after["displayName"] == "Mei Tanaka"
    assert after["name"] == {"formatted": "mei tan", "givenName": "Mei", "familyName": "Tanaka"}
    assert after[ENTERPRISE] == {"department": "Design", "manager": {"value": "b0ss"}}
    assert {each["type"]: each["value"] for each in after["emails"]} == {
        "work": "mei.tan@acme.example",
        "home": "mei@home.example",
    }


def test_a_manager_is_said_in_every_way_and_shown_in_one(idp: Idp) -> None:
    boss = made(idp, "boss")
    first: Body = {ENTERPRISE: {"manager": "first"}}
    place = f"Users/{made(idp, **first)}"
    assert idp.http.get(place).json()[ENTERPRISE]["manager"] == {"value": "first"}
    path = f"{ENTERPRISE}:manager"
    for said in (
        says("Add", path, boss),
        says("Replace", path, [boss]),
        says("Add", path, {"value": boss}),
        says("Add", "manager", [{"$ref": f"https://acme.example/Users/{boss}", "value": boss}]),
        says("Replace", f"{path}.value", boss),
        {"op": "replace", "value": {path: boss}},
        {"op": "Replace", "value": {ENTERPRISE: {"manager": boss}}},
        says("Add", ENTERPRISE, {"manager": boss}),
    ):
        patch(idp, place, says("Replace", path, "other"))
        assert shown(idp, patch(idp, place, said))[ENTERPRISE]["manager"]["value"] == boss
    for nobody in (says("Remove", path), says("Replace", path, ""), says("Remove", path, boss)):
        patch(idp, place, says("Add", path, boss))
        assert ENTERPRISE not in shown(idp, patch(idp, place, nobody))


def test_a_role_comes_as_json_in_a_text(idp: Idp) -> None:
    """Of the attribute mapping AppRoleAssignmentsComplex; the others follow."""
    text = json.dumps({"id": "18d14569", "value": "designer", "displayName": "Designer"})
    place = f"Users/{made(idp)}"
    added = shown(idp, patch(idp, place, says("Add", "roles", [{"value": text}])))
    assert added["roles"] == [{"value": "designer", "display": "Designer"}]
    alone = {"primary": False, "type": "x", "display": "Boss", "value": "boss"}
    again = shown(idp, patch(idp, place, says("Replace", "roles", [alone])))
    assert again["roles"] == [alone]
    single = says("Add", 'roles[primary eq "True"].value', "lead")
    roles = shown(idp, patch(idp, place, single))["roles"]
    assert {"value": "lead", "primary": True} in roles
    other = made(idp, "ida", roles=[{"primary": "True", "value": text}])
    assert idp.http.get(f"Users/{other}").json()["roles"] == [
        {"primary": True, "value": "designer", "display": "Designer"}
    ]


def test_what_is_removed_with_its_value_is_removed(idp: Idp) -> None:
    place = f"Users/{made(idp, title='Lead')}"
    work = 'emails[type eq "work"]'
    gone = says("Remove", f"{work}.value", "mei@acme.example")
    assert "value" not in shown(idp, patch(idp, place, gone))["emails"][0]
    again = says("Remove", work, [{"value": "mei@acme.example"}])
    assert "emails" not in shown(idp, patch(idp, place, again))
    assert "title" not in shown(idp, patch(idp, place, says("Remove", "title", "Lead")))


def test_members_come_and_go_as_a_list_and_are_answered_204(idp: Idp) -> None:
    mei, ida, jon = made(idp), made(idp, "ida"), made(idp, "jon")
    place = f"Groups/{team(idp)}"
    everybody = [{"$ref": None, "value": each} for each in (mei, ida, jon)]
    added = patch(idp, place, says("Add", "members", everybody))
    assert members(shown(idp, added, 204)) == {mei, ida, jon}
    gone = patch(idp, place, says("Remove", "members", [{"$ref": None, "value": mei}]))
    assert members(shown(idp, gone, 204)) == {ida, jon}
    filtered = patch(idp, place + FLAG, says("remove", f'members[value eq "{ida}"]'))
    assert members(shown(idp, filtered, 204)) == {jon}
    nobody = patch(idp, place, says("Remove", "members", []))
    assert members(shown(idp, nobody, 204)) == {jon}


def test_a_group_is_renamed_asked_for_and_deleted(idp: Idp) -> None:
    mei = made(idp)
    group = team(idp, members=[])
    place = f"Groups/{group}"
    renamed = patch(idp, place, says("Replace", "displayName", [{"value": "Sketch"}]))
    assert shown(idp, renamed, 204)["displayName"] == "Sketch"
    patch(idp, place, says("Add", "members", [{"value": mei}]))
    alone = idp.http.get(f"{place}?excludedAttributes=members").json()
    assert (alone["externalId"], "members" in alone) == ("8aa1a0c0", False)
    asked = quote(f'id eq "{group}" and members eq "{mei}"')
    assert found(idp, f"Groups?excludedAttributes=members&filter={asked}") == [group]
    assert idp.http.delete(place).status_code == 204
