"""What a policy holds back, as a SCIM client sees it (access-rules §2, §5)."""

import pytest

from tests.scim.idp import Idp, adds, removes, replaces, user
from tests.waiting import eventually


@pytest.fixture
def ann(idp: Idp) -> str:
    """The only administrator of a tenant that keeps its last one."""
    ann = idp.user("ann")
    group = idp.group("Admins", ann)
    idp.admin.put(f"/directories/{idp.directory_id}/mappings/{group}", role="admin")
    idp.admin.put("/policy", sole_admin="block")
    eventually(lambda: (idp.admin.member(ann) or {}).get("role") == "admin", 30)
    return ann


def admins_group(idp: Idp) -> str:
    return str(idp.found('displayName eq "Admins"', "Groups")[0]["id"])


def role(idp: Idp, person: str) -> str | None:
    found = idp.admin.member(person)
    return None if found is None else found["role"]


def test_the_sole_admin_is_not_deactivated_before_there_is_another(idp: Idp, ann: str) -> None:
    member = idp.admin.until_standing(ann, "active")["member_id"]
    idp.admin.post(f"/members/{member}/sessions", label="laptop")
    refused = idp.patch(f"Users/{ann}", replaces("active", False))
    assert (refused.status_code, refused.json()["scimType"]) == (400, "mutability")
    assert "Ann Lee" in refused.json()["detail"]
    assert idp.http.get(f"Users/{ann}").json()["active"] is True
    eventually(lambda: idp.admin.get(f"/members/{member}/sessions")["sessions"] == [], 30)
    assert role(idp, ann) == "admin"
    bo = idp.user("bo")
    idp.patch(f"Groups/{admins_group(idp)}", adds(bo))
    idp.admin.until_standing(ann, "none")
    eventually(lambda: not idp.http.get(f"Users/{ann}").json()["active"], 30)
    assert role(idp, bo) == "admin"


def test_active_again_cancels_what_was_held_back(idp: Idp, ann: str) -> None:
    refused = idp.http.put(f"Users/{ann}", json=user("ann", active=False))
    assert refused.status_code == 400
    assert [each["reason"] for each in idp.admin.get("/holds")["holds"]] == ["sole_admin"]
    assert idp.http.put(f"Users/{ann}", json=user("ann")).status_code == 200
    assert idp.admin.get("/holds")["holds"] == []
    bo = idp.user("bo")
    idp.patch(f"Groups/{admins_group(idp)}", adds(bo))
    eventually(lambda: role(idp, bo) == "admin", 30)
    assert role(idp, ann) == "admin"


def test_the_sole_admin_is_not_deleted_either(idp: Idp, ann: str) -> None:
    assert idp.http.delete(f"Users/{ann}").status_code == 400
    assert idp.http.get(f"Users/{ann}").status_code == 200
    bo = idp.user("bo")
    idp.patch(f"Groups/{admins_group(idp)}", adds(bo))
    idp.admin.until_standing(ann, "none")
    eventually(lambda: idp.http.get(f"Users/{ann}").status_code == 404, 30)


@pytest.mark.parametrize("how", ["patch", "put", "delete"])
def test_a_group_takes_away_the_rest_and_only_admin_is_held(idp: Idp, ann: str, how: str) -> None:
    bo = idp.user("bo")
    group = admins_group(idp)
    idp.patch(f"Groups/{group}", adds(bo))
    eventually(lambda: role(idp, bo) == "admin", 30)
    emptied = {
        "patch": lambda: idp.patch(f"Groups/{group}", {"op": "remove", "path": "members"}),
        "put": lambda: idp.http.put(f"Groups/{group}", json={"displayName": "x", "members": []}),
        "delete": lambda: idp.http.delete(f"Groups/{group}"),
    }[how]()
    assert emptied.is_success, emptied.text
    if how != "delete":
        assert idp.members_of(group) == set()
    eventually(lambda: sorted([str(role(idp, ann)), str(role(idp, bo))]) == ["admin", "member"], 30)
    assert [each["reason"] for each in idp.admin.get("/holds")["holds"]] == ["sole_admin"]


@pytest.mark.parametrize("mode", ["testing", "paused"])
def test_while_a_directory_is_tested_or_paused_nobodys_access_moves(
    idp: Idp, ann: str, mode: str
) -> None:
    place = f"/directories/{idp.directory_id}"
    idp.admin.put(place, mode=mode)
    left = idp.patch(f"Users/{ann}", replaces("active", False))
    assert (left.status_code, left.json()["active"]) == (200, False)
    bo = idp.user("bo")
    assert {each["reason"] for each in idp.admin.get("/holds")["holds"]} == {mode}
    assert role(idp, ann) == "admin"
    idp.admin.put("/policy", sole_admin="allow")
    idp.admin.put(place, mode="active")
    idp.admin.until_standing(ann, "none")
    idp.admin.until_standing(bo, "active")
    assert idp.admin.get("/holds")["holds"] == []


def test_a_mass_removal_is_answered_and_held(idp: Idp) -> None:
    idp.admin.put("/roles/member", rank=20, is_default=False)
    people = [idp.user(f"p{number}") for number in range(12)]
    group = idp.group("Everybody", *people)
    idp.admin.put(f"/directories/{idp.directory_id}/mappings/{group}", role="viewer")
    idp.admin.until_standing(people[-1], "active")
    idp.admin.put("/policy", breaker="hold")
    emptied = idp.http.put(f"Groups/{group}", json={"displayName": "Everybody", "members": []})
    assert emptied.status_code == 200
    assert idp.members_of(group) == set()

    def holds() -> list[str]:
        return [each["member_id"] for each in idp.admin.get("/holds")["holds"]]

    eventually(lambda: len(holds()) == 7, 30)  # five may go, of twelve
    first = holds()[0]
    idp.admin.put(f"/holds/{first}", ruling="approve")
    eventually(lambda: first not in holds(), 30)
    second = holds()[0]
    idp.admin.put(f"/holds/{second}", ruling="discard")
    discarded = [e for e in idp.admin.get("/holds")["holds"] if e["discarded"]]
    assert [each["member_id"] for each in discarded] == [second]


def test_removing_one_of_two_admins_is_nobodys_business(idp: Idp, ann: str) -> None:
    bo = idp.user("bo")
    group = admins_group(idp)
    idp.patch(f"Groups/{group}", adds(bo))
    eventually(lambda: role(idp, bo) == "admin", 30)
    idp.patch(f"Groups/{group}", removes(bo))
    eventually(lambda: role(idp, bo) == "member", 30)
    assert idp.admin.get("/holds")["holds"] == []
    assert role(idp, ann) == "admin"
