"""What a client that means harm tries, or one that is broken."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from scim2_models import SearchRequest

from ingest.scim.resources import is_group, provider_for
from schemas import limits
from tests.harness import World
from tests.scim.idp import USER, Admin, Idp, adds, replaces, user
from tests.scim.within import parts_of, storage_of

URN = "urn:acme:params:scim:2.0:User"
CARD = "5500 0000 0000 0004"  # none of those that the canary of this world looks for


def test_nobody_becomes_another_by_sending_their_scim_id(idp: Idp) -> None:
    """An externalId is who somebody is at the IdP; without one, it is the SCIM id."""
    victim = idp.user("ann", externalId=None)
    thief = idp.user("bo")
    for response in (
        idp.post_user("cy", externalId=victim),
        idp.patch(f"Users/{thief}", replaces("externalId", victim)),
        idp.http.put(f"Users/{thief}", json=user("bo", externalId=victim)),
    ):
        assert (response.status_code, response.json().get("scimType")) == (409, "uniqueness")
    idp.http.delete(f"Users/{victim}")
    assert idp.post_user("cy", externalId=victim).status_code == 409


def test_a_token_reaches_nothing_of_another_tenant(idp: Idp, another: Admin) -> None:
    with another.idp() as theirs:
        ann, group = theirs.user("ann"), theirs.group("Admins")
        mine = idp.group("Mine")
        for response in (
            idp.http.get(f"Users/{ann}"),
            idp.patch(f"Users/{ann}", replaces("active", False)),
            idp.http.put(f"Users/{ann}", json=user("ann", active=False)),
            idp.http.delete(f"Users/{ann}"),
            idp.http.get(f"Groups/{group}"),
            idp.http.delete(f"Groups/{group}"),
        ):
            assert response.status_code == 404, response.text
        assert idp.patch(f"Groups/{mine}", adds(ann)).status_code == 200
        assert idp.members_of(mine) == set()
        assert idp.found(f'id eq "{ann}"') == []
        assert idp.http.get("Users").json()["totalResults"] == 0
        assert theirs.http.get(f"Users/{ann}").json()["active"] is True


@pytest.mark.parametrize("name", ["", "   ", "\u200b", "\u00ad\u2060"])
def test_a_name_that_shows_nothing_is_refused(idp: Idp, name: str) -> None:
    assert idp.post_user("ann", userName=name).status_code == 400
    assert idp.post_group(name).status_code == 400


def test_what_breaks_a_line_is_in_no_header(idp: Idp) -> None:
    for text in ("a\r\nX-Evil: 1", "a\0b", "\ud800".encode("utf-8", "surrogatepass")):
        response = idp.http.get(f"Users/{quote(text)}")
        assert response.status_code == 404, response.text
        assert "x-evil" not in response.headers
    assert idp.http.get("Users/Zo%C3%AB").headers["Location"].endswith("/Users/Zo%C3%AB")


def test_half_a_character_is_refused(idp: Idp) -> None:
    body = b'{"schemas": ["%s"], "userName": "\\ud800"}' % USER.encode()
    assert idp.http.post("Users", content=body).status_code == 400
    assert idp.http.get("Users?filter=title%20eq%20%22%ED%A0%80%22").json()["totalResults"] == 0


def test_a_page_beyond_all_is_empty(idp: Idp) -> None:
    idp.user("ann")
    far = idp.http.get("Users", params={"startIndex": 10**30})
    assert (far.status_code, far.json()["totalResults"]) == (200, 1)
    assert far.json().get("Resources", []) == []


def test_ids_of_members_are_bounded(idp: Idp) -> None:
    ann, group = idp.user("ann"), idp.group("Admins")
    assert idp.patch(f"Groups/{group}", adds("x" * 1_500_000, f"{ann}\0x", ann)).is_success
    assert idp.members_of(group) == {ann}


def test_a_hidden_number_of_a_tenants_own_attribute_does_not_block_the_person(idp: Idp) -> None:
    own = {"schema": URN, "name": "ssn", "type": "integer"}
    idp.admin.put("/policy", own_attributes=[own])
    with idp.admin.idp() as other:
        ann = other.post_user("ann", **{URN: {"ssn": 536904399}})
        assert ann.status_code == 201, ann.text
        assert "536904399" not in other.http.get(f"Users/{ann.json()['id']}").text


def test_a_name_of_what_is_not_kept_carries_no_value(idp: Idp) -> None:
    idp.user("ann", **{CARD: 1, "ssn-536-90-4399": 1, "shoe size": 1, "shoeSize": 1})
    warnings = idp.admin.get(f"/directories/{idp.directory_id}/warnings")["warnings"]
    assert [each["what"] for each in warnings] == ["shoeSize"]


def test_groups_keep_their_names_whatever_these_look_like(idp: Idp) -> None:
    group = idp.group(f"Cards {CARD}")
    assert idp.http.get(f"Groups/{group}").json()["displayName"] == f"Cards {CARD}"


def test_a_page_of_groups_ends_where_their_members_are_too_many(
    rollcall: World, idp: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [idp.user(f"p{number}") for number in range(3)]
    for number in range(3):
        idp.group(f"Team {number}", *people)

    async def page(first: int) -> tuple[int | None, list[str | None]]:
        async with parts_of(rollcall) as parts:
            storage = await storage_of(rollcall, parts, idp)
            (groups,) = [each for each in provider_for(()).resource_types if is_group(each)]
            asked: SearchRequest[Any] = SearchRequest(start_index=first, count=limits.SCIM_PAGE)
            found = await storage.search([groups], asked)
            names = [getattr(each, "display_name", None) for each in found.resources]
            return found.total, names

    monkeypatch.setattr(limits, "LISTED_MEMBERS", 7)
    assert asyncio.run(page(1)) == (3, ["Team 0", "Team 1"])
    assert asyncio.run(page(3)) == (3, ["Team 2"])
    monkeypatch.setattr(limits, "LISTED_MEMBERS", 1)
    assert asyncio.run(page(1)) == (3, ["Team 0"])
