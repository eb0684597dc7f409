"""OneLogin: the requests of a real log (authentik#11249), and its templates of JSON."""

from typing import Any

from tests.idp.exchange import found, members, shown
from tests.scim.idp import ENTERPRISE, GROUP, PATCH, USER, Body, Idp

PROVIDER = "onelogin"
CORE = "urn:scim:schemas:core:2.0"
EXTENSION = "urn:scim:schemas:extension:enterprise:2.0"


def person(name: str = "kai", **changed: Any) -> Body:
    """Whom OneLogin writes, by the template of its "SCIM v2 Enterprise"."""
    return {
        "schemas": [CORE, EXTENSION],
        "userName": f"{name}@acme.example",
        "externalId": f"10-{name}",
        "name": {"givenName": name.title(), "familyName": "Moe", "formatted": f"{name} moe"},
        "emails": [{"value": f"{name}@acme.example", "type": "work", "primary": True}],
        "active": True,
        EXTENSION: {"department": "Design", "manager": None},
    } | changed


def made(idp: Idp, name: str = "kai") -> str:
    return str(shown(idp, idp.http.post("Users", json=person(name)), 201)["id"])


def test_a_person_is_looked_for_with_an_ampersand_at_the_end(idp: Idp) -> None:
    look_up = "Users?filter=userName+eq+%22kai%40acme.example%22&"
    assert found(idp, look_up) == []
    kai = made(idp)
    assert found(idp, look_up) == [kai]
    assert found(idp, "Users/?filter=userName+eq+%22kai@acme.example%22&") == [kai]


def test_an_address_with_a_plus_is_found(idp: Idp) -> None:
    kai = made(idp, "kai+crm")
    assert found(idp, "Users?filter=userName+eq+%22kai%2Bcrm%40acme.example%22&") == [kai]
    assert found(idp, "Users?filter=userName+eq+%22kai+crm%40acme.example%22&") == [kai]


def test_its_own_urns_mean_those_of_the_rfc(idp: Idp) -> None:
    body = person()
    kai = shown(idp, idp.http.post("Users", json=body), 201)
    assert kai["schemas"] == [USER, ENTERPRISE]
    assert kai[ENTERPRISE] == {"department": "Design"}
    body[EXTENSION] = {"department": "Sales", "manager": "b0ss"}
    body["active"] = False
    response = idp.http.put(f"Users/{kai['id']}?", json=body)
    assert response.request.url.raw_path.endswith(b"?")
    put = shown(idp, response)
    assert put[ENTERPRISE] == {"department": "Sales", "manager": {"value": "b0ss"}}
    assert (put["active"], put["id"]) == (False, kai["id"])


def test_a_put_without_active_keeps_it(idp: Idp) -> None:
    kai = made(idp)
    place = f"Users/{kai}?"
    assert shown(idp, idp.http.put(place, json=person(active=False)))["active"] is False
    silent = person()
    del silent["active"]
    assert shown(idp, idp.http.put(place, json=silent))["active"] is False


def test_members_come_and_go(idp: Idp) -> None:
    kai, lou = made(idp), made(idp, "lou")
    body = {"schemas": [CORE], "displayName": "Design", "members": [{"value": kai}]}
    group = shown(idp, idp.http.post("Groups", json=body), 201)
    assert group["schemas"] == [GROUP]
    place = f"Groups/{group['id']}?"
    add = {"op": "add", "path": "members", "value": [{"value": lou}]}
    patch = {"schemas": [PATCH], "Operations": [add]}
    assert members(shown(idp, idp.http.patch(place, json=patch))) == {kai, lou}
    remove = {"op": "remove", "path": f'members[value eq "{kai}"]'}
    patch = {"schemas": [PATCH], "Operations": [remove]}
    assert members(shown(idp, idp.http.patch(place, json=patch))) == {lou}
    whole = {"schemas": [CORE], "displayName": "Design", "members": []}
    assert members(shown(idp, idp.http.put(place, json=whole))) == set()
    assert idp.http.delete(place).status_code == 204


def test_who_leaves_is_deleted(idp: Idp) -> None:
    place = f"Users/{made(idp)}?"
    assert idp.http.delete(place).status_code == 204
    assert idp.http.get(place).status_code == 404
