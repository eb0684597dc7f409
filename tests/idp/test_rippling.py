"""Rippling: workos.com/docs/integrations/rippling-scim; the rest is RFC form (idp-facts §4.1)."""

from typing import Any

from tests.idp.exchange import found, members, shown
from tests.scim.idp import ENTERPRISE, GROUP, USER, Body, Idp, adds, removes

PROVIDER = "rippling"


def person(name: str = "zia", **changed: Any) -> Body:
    """Whom Rippling creates."""
    return {
        "schemas": [USER, ENTERPRISE],
        "userName": f"{name}@acme.example",
        "externalId": f"rp-{name}",
        "name": {"givenName": name.title(), "familyName": "Fox"},
        "emails": [{"value": f"{name}@acme.example", "type": "work", "primary": True}],
        "title": "Lead",
        "active": True,
        ENTERPRISE: {"department": "Design", "manager": {"value": "rp-1", "displayName": "Bo"}},
    } | changed


def made(idp: Idp, name: str = "zia") -> str:
    return str(shown(idp, idp.http.post("Users", json=person(name)), 201)["id"])


def test_the_connection_is_tested(idp: Idp) -> None:
    config = idp.http.get("ServiceProviderConfig")
    assert (config.status_code, config.json()["patch"]["supported"]) == (200, True)
    assert found(idp, "Users?startIndex=1&count=1") == []


def test_a_person_comes_changes_and_leaves(idp: Idp) -> None:
    place = f"Users/{made(idp)}"
    off = idp.patch(place, {"op": "replace", "path": "active", "value": False})
    assert shown(idp, off)["active"] is False
    assert shown(idp, idp.http.put(place, json=person(title="Chief")))["title"] == "Chief"
    assert idp.http.delete(place).status_code == 204
    assert found(idp, 'Users?filter=externalId eq "rp-zia"') == []


def test_groups_are_paged_patched_and_deleted(idp: Idp) -> None:
    zia = made(idp)
    groups = []
    for name in ("Design", "Sales"):
        body = {"schemas": [GROUP], "displayName": name, "externalId": f"rp-{name}"}
        groups.append(shown(idp, idp.http.post("Groups", json=body), 201)["id"])
    pages = [found(idp, f"Groups?startIndex={start}&count=1") for start in (1, 2, 3)]
    assert pages == [[groups[0]], [groups[1]], []]
    place = f"Groups/{groups[0]}"
    assert members(shown(idp, idp.patch(place, adds(zia)))) == {zia}
    assert members(shown(idp, idp.patch(place, removes(zia)))) == set()
    assert idp.http.delete(place).status_code == 204
