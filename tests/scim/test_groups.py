"""Groups by SCIM against the running Rollcall: access-rules §2, exchange by exchange."""

from concurrent.futures import ThreadPoolExecutor

from schemas import limits
from tests.scim.idp import GROUP, Idp, adds, removes, replaces
from tests.waiting import eventually


def test_members_come_and_go_in_every_form(idp: Idp) -> None:
    ann, bo, cy = (idp.user(name) for name in ("ann", "bo", "cy"))
    group = idp.group("Design", ann)
    place = f"Groups/{group}"
    for operation, members in (
        (adds(bo), {ann, bo}),
        ({"op": "Add", "value": {"members": [{"value": cy}]}}, {ann, bo, cy}),
        (removes(ann), {bo, cy}),
        ({"op": "Remove", "path": "members", "value": [{"value": bo}]}, {cy}),
        (replaces("members", [{"value": ann}, {"value": bo}]), {ann, bo}),
        ({"op": "remove", "path": f'members[value eq "{ann}" or value eq "{cy}"]'}, {bo}),
        ({"op": "remove", "path": "members"}, set()),
    ):
        patched = idp.patch(place, operation)
        assert patched.status_code == 200, patched.text
        assert {each["value"] for each in patched.json().get("members", [])} == members
        assert idp.members_of(group) == members
    swap = idp.patch(place, adds(ann, bo), removes(ann), replaces("displayName", "Sketch"))
    assert swap.json()["displayName"] == "Sketch"
    assert idp.members_of(group) == {bo}


def test_fifty_patches_at_once_lose_nobody(idp: Idp) -> None:
    people = [idp.user(f"p{number}") for number in range(50)]
    group = idp.group("Design", *people[:10])

    def patch(number: int) -> int:
        person = people[number]
        operation = removes(person) if number < 10 else adds(person)
        return idp.patch(f"Groups/{group}", operation).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(patch, range(50))) == {200}
    assert idp.members_of(group) == set(people[10:])


def test_a_put_without_members_keeps_them_and_an_empty_list_clears_them(idp: Idp) -> None:
    ann, bo = idp.user("ann"), idp.user("bo")
    group = idp.group("Design", ann)
    place = f"Groups/{group}"
    body = {"schemas": [GROUP], "displayName": "Sketch"}
    assert idp.http.put(place, json=body).status_code == 200
    assert idp.members_of(group) == {ann}
    assert idp.http.put(place, json=body | {"members": [{"value": bo}]}).status_code == 200
    assert idp.members_of(group) == {bo}
    assert idp.http.put(place, json=body | {"members": []}).status_code == 200
    assert idp.members_of(group) == set()


def test_a_large_group_is_shown_like_a_small_one(idp: Idp) -> None:
    """It goes around the library, which has to be seen nowhere."""
    many = limits.SHOWN_MEMBERS + 1
    with ThreadPoolExecutor(16) as pool:
        people = list(pool.map(idp.user, [f"p{number}" for number in range(many)]))
    small, large = idp.group("Small", *people[:2]), idp.group("Large", *people)
    shown = [idp.http.get(f"Groups/{group}").json() for group in (small, large)]
    assert {each["value"] for each in shown[1]["members"]} == set(people)
    known = {each["value"]: each for each in shown[1]["members"]}
    assert [known[each["value"]] for each in shown[0]["members"]] == shown[0]["members"]
    assert shown[0].keys() == shown[1].keys()
    place, version = f"Groups/{large}", shown[1]["meta"]["version"]
    assert idp.http.get(place, headers={"If-None-Match": version}).content == b""
    only = idp.http.get(place, params={"attributes": "members.value"}).json()["members"]
    assert {each["value"]: each.keys() for each in only} == {p: {"value"} for p in people}
    assert "members" not in idp.http.get(place, params={"excludedAttributes": "members"}).json()
    assert idp.patch(place, removes(people[0])).status_code == 200
    assert idp.members_of(large) == set(people[1:])


def test_whoever_is_unknown_is_left_out_and_told_once(idp: Idp) -> None:
    ann, nested = idp.user("ann"), idp.group("Nested")
    with idp.admin.idp() as other:
        stranger = other.user("stranger")
    group = idp.group("Design")
    for _ in range(2):
        patched = idp.patch(f"Groups/{group}", adds(ann, stranger, "nobody", nested))
        assert patched.status_code == 200
    members = {each["value"]: each["type"] for each in patched.json()["members"]}
    assert members == {ann: "User", nested: "Group"}
    removed = idp.patch(f"Groups/{group}", removes("nobody"))
    assert removed.status_code == 200
    warnings = idp.admin.get(f"/directories/{idp.directory_id}/warnings")["warnings"]
    assert [(each["kind"], each["what"]) for each in warnings] == [("unknown_member", group)]


def test_what_a_group_grants_follows_its_members(idp: Idp) -> None:
    ann = idp.user("ann")
    group = idp.group("Admins")
    mapping = f"/directories/{idp.directory_id}/mappings/{group}"
    idp.admin.put(mapping, role="admin", workspaces=[{"workspace": "design"}])
    idp.patch(f"Groups/{group}", adds(ann))
    assert idp.admin.until_standing(ann, "active")["role"] == "admin"
    idp.patch(f"Groups/{group}", removes(ann))
    eventually(lambda: (idp.admin.member(ann) or {}).get("role") == "member", 30)
    idp.patch(f"Groups/{group}", adds(ann))
    eventually(lambda: (idp.admin.member(ann) or {}).get("role") == "admin", 30)
    assert idp.http.delete(f"Groups/{group}").status_code == 204
    eventually(lambda: (idp.admin.member(ann) or {}).get("role") == "member", 30)
    told = "Ann Lee became admin and joined design because Acme SCIM added them to Admins."
    eventually(lambda: told in idp.admin.sentences(), 30)


def test_a_group_that_is_pushed_again_is_new_and_its_mapping_waits(idp: Idp) -> None:
    ann = idp.user("ann")
    group = idp.group("Admins", ann, externalId="g-1")
    idp.admin.put(f"/directories/{idp.directory_id}/mappings/{group}", role="admin")
    eventually(lambda: (idp.admin.member(ann) or {}).get("role") == "admin", 30)
    idp.http.delete(f"Groups/{group}")
    again = idp.group("Admins", ann, externalId="g-1")
    assert again != group
    eventually(lambda: (idp.admin.member(ann) or {}).get("role") == "member", 30)
    assert [each["group_id"] for each in idp.admin.get("/mappings")["mappings"]] == [group]


def test_a_second_group_of_a_name_is_409_unless_it_has_an_id_of_its_own(idp: Idp) -> None:
    idp.group("Design", externalId="g-1")
    for body in ({}, {"externalId": "g-1"}):
        again = idp.post_group("design", **body)
        assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")
        assert "refresh app groups, then link" in again.json()["detail"]
    assert idp.group("Design", externalId="g-2")


def test_oktas_rename_to_the_same_name_changes_nothing(idp: Idp) -> None:
    group = idp.group("Design")
    before = idp.http.get(f"Groups/{group}").json()
    same = idp.patch(
        f"Groups/{group}",
        {"op": "replace", "value": {"id": group, "displayName": "Design"}},
    )
    assert (same.status_code, same.json()["meta"]) == (200, before["meta"])
    sentences = len(idp.admin.sentences())
    idp.patch(f"Groups/{group}", replaces("displayName", "Design"))
    assert len(idp.admin.sentences()) == sentences


def test_a_group_that_others_changed_is_not_changed_by_its_old_version(idp: Idp) -> None:
    ann = idp.user("ann")
    made = idp.post_group("Design").json()
    place, first = f"Groups/{made['id']}", made["meta"]["version"]
    assert idp.patch(place, adds(ann), **{"If-Match": first}).status_code == 200
    assert idp.patch(place, removes(ann), **{"If-Match": first}).status_code == 412
    renamed = idp.patch(place, replaces("displayName", "Sketch"), **{"If-Match": first})
    assert renamed.status_code == 412
    assert idp.members_of(made["id"]) == {ann}


def test_groups_are_found_as_entra_asks(idp: Idp) -> None:
    ann = idp.user("ann")
    group = idp.group("Design", ann)
    asked = idp.http.get(
        "Groups",
        params={
            "filter": f'id eq "{group}" and members eq "{ann}"',
            "excludedAttributes": "members",
        },
    ).json()
    assert [each["id"] for each in asked["Resources"]] == [group]
    assert "members" not in asked["Resources"][0]
    assert idp.found('displayName eq "design"', "Groups")[0]["members"][0]["value"] == ann
    (found,) = idp.found(f'groups.value eq "{group}"')
    assert found["groups"][0]["display"] == "Design"
