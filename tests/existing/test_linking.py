"""Who is whom, told by the product and by administrators, through the API (access-rules §4)."""

from typing import Any

import httpx2

from tests.existing.rollcall_cli import Cli
from tests.scim.idp import Admin, Body, Idp, replaces
from tests.waiting import eventually


def told(admin: Admin, product_id: str = "u-1", **said: Any) -> Body:
    """What the product says of somebody, and what it is told in return."""
    about = {"email": "ann@acme.example", "display_name": "Ann of old"} | said
    return admin.put(f"/members/{product_id}", **about)


def refused(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def test_the_product_makes_changes_and_removes_its_members(admin: Admin) -> None:
    first = told(admin, role="admin")
    assert (first["outcome"], first["linked"], first["matched_by"]) == ("created", False, None)
    shown = admin.get(f"/members/{first['member_id']}")
    assert (shown["product_id"], shown["role"], shown["standing"]) == ("u-1", "admin", "active")
    assert told(admin, role="admin")["outcome"] == "unchanged"
    assert told(admin, role="viewer", standing="suspended")["outcome"] == "updated"
    assert admin.get(f"/members/{first['member_id']}")["standing"] == "none"
    assert told(admin)["member_id"] == first["member_id"]
    assert admin.delete("/members/u-1")["standing"] == "removed"
    shown = admin.get(f"/members/{first['member_id']}")
    assert (shown["standing"], shown["manual"]["standing"]) == ("none", "removed")
    assert refused(admin.http.delete(f"{admin.path}/members/nobody")) == (404, "unknown_member")


def test_what_the_product_says_is_checked(admin: Admin) -> None:
    path = f"{admin.path}/members/u-1"
    for body in (
        {"email": "no address"},
        {"standing": "removed"},
        {"role": "pope"},
        {"workspaces": [{"workspace": "moon"}]},
        {"joined_at": "yesterday"},
        {"rank": 3},
    ):
        assert admin.http.put(path, json=body).status_code == 422, body
    assert refused(admin.http.put(path, json={"member_id": "nobody"})) == (404, "unknown_member")
    twice = {"members": [{"product_id": "u-1"}, {"product_id": "u-1"}]}
    assert admin.http.post(f"{admin.path}/members", json=twice).status_code == 422


def test_a_suspension_by_the_product_survives_the_idps_reactivation(admin: Admin, idp: Idp) -> None:
    told(admin, external_id="ext-ann")
    ann = idp.user("ann")
    told(admin, external_id="ext-ann", standing="suspended")
    admin.until_standing(ann, "none")
    for active in (False, True):
        assert idp.patch(f"Users/{ann}", replaces("active", active)).status_code == 200
    found = admin.member(ann)
    assert found is not None
    assert found["standing"] == "none"
    told(admin, external_id="ext-ann")
    assert admin.until_standing(ann, "active")["product_id"] == "u-1"


def test_an_email_proves_nothing_and_an_administrator_says_who_it_is(
    admin: Admin, idp: Idp, cli: Cli
) -> None:
    first = told(admin, role="viewer")
    ann = idp.user("ann")
    (hold,) = eventually(lambda: admin.get("/holds")["holds"], 30)
    assert (hold["reason"], hold["rivals"]) == ("conflict", [first["member_id"]])
    assert len(admin.get("/members")["members"]) == 1
    cli.json("hold", "approve", hold["member_id"], "-t", admin.tenant_id)
    found = admin.until_standing(ann, "active")
    assert (found["member_id"], found["role"]) == (first["member_id"], "member")
    assert admin.get("/holds")["holds"] == []
    assert len(admin.get("/members")["members"]) == 1


def test_who_is_somebody_else_gets_a_member_of_their_own(admin: Admin, idp: Idp, cli: Cli) -> None:
    first = told(admin, role="viewer")
    ann = idp.user("ann")
    (hold,) = eventually(lambda: admin.get("/holds")["holds"], 30)
    cli.json("hold", "separate", hold["member_id"], "-t", admin.tenant_id)
    found = admin.until_standing(ann, "active")
    assert found["member_id"] != first["member_id"]
    assert len(admin.get("/members")["members"]) == 2


def test_unlinking_keeps_access_and_no_write_of_the_idp_links_again(
    admin: Admin, idp: Idp, cli: Cli
) -> None:
    first = told(admin, external_id="ext-ann")
    ann = idp.user("ann")
    admin.until_standing(ann, "active")
    where = first["member_id"], idp.directory_id
    cli.json("members", "unlink", *where, "-t", admin.tenant_id)
    assert idp.patch(f"Users/{ann}", replaces("title", "Lead")).status_code == 200
    assert idp.patch(f"Users/{ann}", replaces("active", False)).status_code == 200
    shown = admin.get(f"/members/{first['member_id']}")
    assert (shown["standing"], shown["role"], shown["users"]) == ("active", "member", [])
    cli.json("members", "link", *where, ann, "-t", admin.tenant_id)
    assert admin.until_standing(ann, "none")["member_id"] == first["member_id"]


def test_the_product_says_under_which_id_it_has_whom_it_was_told_of(
    admin: Admin, another: Admin, idp: Idp
) -> None:
    ann = idp.user("ann")
    known = admin.until_standing(ann, "active")["member_id"]
    answer = told(admin, "42", member_id=known)
    assert (answer["outcome"], answer["matched_by"], answer["linked"]) == (
        "linked",
        "member_id",
        True,
    )
    found = admin.member(ann)
    assert found is not None
    assert (found["product_id"], found["role"]) == ("42", "member"), "the directory wins"
    theirs = another.http.put(f"{another.path}/members/42", json={"member_id": known})
    assert refused(theirs) == (404, "unknown_member")
    taken = admin.http.put(f"{admin.path}/members/43", json={"member_id": known})
    assert refused(taken) == (409, "taken")


def test_the_groups_of_a_directory_are_listed_with_what_they_grant(
    admin: Admin, another: Admin, idp: Idp, cli: Cli
) -> None:
    ann = idp.user("ann")
    admins, crew = idp.group("Platform Admins", ann), idp.group("Crew")
    admin.put(f"/directories/{idp.directory_id}/mappings/{admins}", role="admin")
    where = idp.directory_id, "-t", admin.tenant_id
    (found,) = cli.json("directory", "groups", *where, "--name", "platform admins")["groups"]
    assert (found["group_id"], found["members"], found["role"]) == (admins, 1, "admin")
    first = cli.json("directory", "groups", *where, "--limit", "1")
    rest = cli.json("directory", "groups", *where, "--after", first["after"])
    assert {each["group_id"] for each in first["groups"] + rest["groups"]} == {admins, crew}
    theirs = another.http.get(f"{another.path}/directories/{idp.directory_id}/groups")
    assert refused(theirs) == (404, "not_found")
