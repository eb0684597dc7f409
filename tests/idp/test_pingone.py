"""PingOne, which writes by PUT only, and PingFederate, which may PATCH (idp-facts §4.1).

docs.pingidentity.com, "SCIM provisioning limitations" and "SCIM connector settings reference".
"""

from typing import Any
from urllib.parse import quote

import pytest

from tests.idp.exchange import found, members, shown
from tests.scim.idp import GROUP, USER, Body, Idp, adds, removes

PROVIDER = "pingone"


def person(name: str = "una", **changed: Any) -> Body:
    """Whom PingOne writes: one value of each type."""
    return {
        "schemas": [USER],
        "userName": f"{name}@acme.example",
        "externalId": f"p1-{name}",
        "name": {"givenName": name.title(), "familyName": "Poe"},
        "emails": [{"type": "work", "value": f"{name}@acme.example", "primary": "true"}],
        "phoneNumbers": {"type": "mobile", "value": "+44 20 7946 0018"},
        "active": "true",
    } | changed


def made(idp: Idp, name: str = "una") -> str:
    return str(shown(idp, idp.http.post("Users", json=person(name)), 201)["id"])


@pytest.mark.parametrize(
    "written",
    [
        'userName eq "una@acme.example"',
        "userName Eq una@acme.example",
        "userName eq 'una@acme.example'",
        'emails eq "una@acme.example"',
        'emails.value eq "una@acme.example" and active eq true',
        'active eq "true" and externalId eq p1-una',
    ],
)
def test_a_person_is_found_by_what_its_administrator_wrote(idp: Idp, written: str) -> None:
    una = made(idp)
    made(idp, "wes")
    assert found(idp, f"Users?filter={quote(written)}") == [una]


def test_a_person_is_put(idp: Idp) -> None:
    una = made(idp)
    changed = person(title=["Lead"], emails={"type": "work", "value": "una.poe@acme.example"})
    put = shown(idp, idp.http.put(f"Users/{una}", json=changed))
    assert (put["title"], put["active"]) == ("Lead", True)
    assert put["emails"] == [{"type": "work", "value": "una.poe@acme.example"}]
    assert put["phoneNumbers"] == [{"type": "mobile", "value": "+44 20 7946 0018"}]


def test_who_leaves_is_disabled_or_deleted(idp: Idp) -> None:
    place = f"Users/{made(idp)}"
    assert shown(idp, idp.http.put(place, json=person(active="false")))["active"] is False
    assert idp.http.delete(place).status_code == 204
    assert idp.http.get(place).status_code == 404


def test_memberships_are_merged_or_overwritten(idp: Idp) -> None:
    una, wes = made(idp), made(idp, "wes")
    place = f"Groups/{idp.group('Design', una)}"
    assert members(shown(idp, idp.patch(place, adds(wes)))) == {una, wes}
    assert members(shown(idp, idp.patch(place, removes(una)))) == {wes}
    body = {"schemas": [GROUP], "displayName": "Design", "members": {"value": una}}
    assert members(shown(idp, idp.http.put(place, json=body))) == {una}
