"""Users by SCIM against the running Rollcall: access-rules §2, exchange by exchange."""

from concurrent.futures import ThreadPoolExecutor

from tests.scim.idp import ENTERPRISE, Idp, replaces, user

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def test_a_user_is_made_read_changed_and_deleted(idp: Idp) -> None:
    made = idp.post_user("ann")
    assert made.status_code == 201, made.text
    ann = made.json()
    assert made.headers["location"] == ann["meta"]["location"]
    assert idp.http.get(f"Users/{ann['id']}").json() == ann
    assert {key: ann[key] for key in user("ann")} == user("ann"), "stored and returned as sent"
    patched = idp.patch(f"Users/{ann['id']}", replaces("title", "Lead"))
    assert patched.status_code == 200, patched.text
    assert patched.json()["title"] == "Lead"
    assert idp.http.get(f"Users/{ann['id']}").json() == patched.json()
    gone = idp.http.delete(f"Users/{ann['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert idp.http.get(f"Users/{ann['id']}").status_code == 404
    assert idp.found('userName eq "ann@acme.example"') == []


def test_who_is_known_and_active_is_409_with_the_id(idp: Idp) -> None:
    ann = idp.user("ann")
    for again in (
        idp.post_user("ann"),
        idp.post_user("ann", userName="ANN@Acme.example", externalId="other"),
        idp.post_user("ann", userName="another@acme.example"),
    ):
        assert again.status_code == 409, again.text
        assert again.json()["scimType"] == "uniqueness"
        assert ann in again.json()["detail"]


def test_of_eight_identical_posts_at_once_one_makes_the_person(idp: Idp) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: idp.post_user("ann"), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(idp.found('externalId eq "ext-ann"')) == 1


def test_who_was_inactive_returns_under_the_same_id_even_under_another_name(idp: Idp) -> None:
    ann = idp.user("ann")
    assert idp.patch(f"Users/{ann}", replaces("active", False)).json()["active"] is False
    back = idp.post_user("ann", userName="ann.new@acme.example")
    assert (back.status_code, back.json()["id"]) == (201, ann)
    assert back.json()["active"] is True
    assert idp.found('userName eq "ann@acme.example"') == []
    assert idp.user("ann", externalId="somebody-new"), "the former name is free"


def test_a_deleted_person_who_returns_is_the_same_member(idp: Idp) -> None:
    ann = idp.user("ann")
    member = idp.admin.until_standing(ann, "active")
    idp.http.delete(f"Users/{ann}")
    idp.admin.until_standing(ann, "none")
    again = idp.user("ann")
    assert again != ann
    assert idp.admin.until_standing(again, "active")["member_id"] == member["member_id"]


def test_a_recycled_address_gives_nobody_access_before_an_admin_has_said_who_it_is(
    idp: Idp,
) -> None:
    ann = idp.user("ann")
    idp.patch(f"Users/{ann}", replaces("active", False))
    new = idp.post_user("ann", externalId="somebody-else")
    assert (new.status_code, new.json()["id"]) == (201, ann)
    (hold,) = idp.admin.get("/holds")["holds"]
    assert hold["reason"] == "conflict"
    assert idp.admin.member(ann)["standing"] == "none"  # type: ignore[index] # there since before
    idp.admin.put(f"/holds/{hold['member_id']}", ruling="separate")
    assert idp.admin.until_standing(ann, "active")["member_id"] != hold["member_id"]


def test_a_put_that_gives_an_inactive_person_another_id_is_a_conflict(idp: Idp) -> None:
    ann = idp.user("ann")
    idp.patch(f"Users/{ann}", replaces("active", False))
    put = idp.http.put(f"Users/{ann}", json=user("ann", externalId="somebody-else"))
    assert (put.status_code, put.json()["active"]) == (200, True)
    (hold,) = idp.admin.get("/holds")["holds"]
    idp.admin.put(f"/holds/{hold['member_id']}", ruling="approve")
    assert idp.admin.until_standing(ann, "active")["member_id"] == hold["member_id"]


def test_a_put_without_active_keeps_it_and_replaces_the_rest(idp: Idp) -> None:
    ann = idp.user("ann", title="Lead")
    idp.patch(f"Users/{ann}", replaces("active", False))
    put = idp.http.put(f"Users/{ann}", json=user("ann", active=None, nickName="Annie"))
    assert put.status_code == 200, put.text
    assert (put.json()["active"], put.json()["nickName"]) == (False, "Annie")
    assert "title" not in put.json()


def test_what_is_not_kept_is_left_out_and_told(idp: Idp) -> None:
    made = idp.post_user("ann", password="correct horse", shoeSize=43)
    assert made.status_code == 201, made.text
    assert not {"password", "shoeSize"} & made.json().keys()
    warnings = idp.admin.get(f"/directories/{idp.directory_id}/warnings")["warnings"]
    assert [(each["kind"], each["what"]) for each in warnings] == [
        ("ignored_attribute", "shoeSize")
    ]


def test_a_tenants_own_attributes_are_kept_and_shown_in_schemas(idp: Idp) -> None:
    urn = "urn:acme:params:scim:2.0:User"
    badge = {"schema": urn, "name": "badge", "type": "integer"}
    idp.admin.put("/policy", own_attributes=[badge])
    with idp.admin.idp() as other:  # its token is asked about for the first time
        ann = other.post_user("ann", **{urn: {"badge": 7}}).json()
        assert ann[urn] == {"badge": 7}
        assert other.http.get(f"Users/{ann['id']}").json()[urn] == {"badge": 7}
        assert [each["id"] for each in other.found(f"{urn}:badge eq 7")] == [ann["id"]]
        names = [each["name"] for each in other.http.get(f"Schemas/{urn}").json()["attributes"]]
        assert names == ["badge"]


def test_what_a_deactivation_takes_away_is_gone_when_it_is_answered(idp: Idp) -> None:
    ann = idp.user("ann")
    member = idp.admin.until_standing(ann, "active")["member_id"]
    sessions = f"/members/{member}/sessions"
    idp.admin.post(f"{sessions}", label="laptop")
    idp.http.put(f"Users/{ann}", json=user("ann", active=False))
    assert idp.admin.until_standing(ann, "none")["role"] is None
    assert idp.admin.get(sessions)["sessions"] == []


def test_versions_stand_for_what_they_name(idp: Idp) -> None:
    ann = idp.post_user("ann").json()
    first = ann["meta"]["version"]
    place = f"Users/{ann['id']}"
    unchanged = idp.http.get(place, headers={"If-None-Match": first})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    second = idp.patch(place, replaces("title", "Lead"), **{"If-Match": first})
    assert second.status_code == 200
    late = idp.patch(place, replaces("title", "Chief"), **{"If-Match": first})
    assert late.status_code == 412
    assert idp.http.delete(place, headers={"If-Match": first}).status_code == 412
    assert idp.http.get(place).json()["title"] == "Lead"
    same = idp.patch(place, replaces("title", "Lead"))
    assert same.json()["meta"] == second.json()["meta"], "nothing changed, so no new version"


def test_lists_are_pages_of_one_stable_order(idp: Idp) -> None:
    made = [idp.user(name) for name in ("cy", "ann", "bo")]
    pages = [
        idp.http.get("Users", params={"startIndex": n, "count": 1}).json() for n in (1, 2, 3, 4)
    ]
    assert [each["id"] for page in pages for each in page.get("Resources", [])] == made
    assert {page["totalResults"] for page in pages} == {3}
    by_name = idp.http.get("Users", params={"sortBy": "userName", "attributes": "userName"}).json()
    names = [each["userName"].partition("@")[0] for each in by_name["Resources"]]
    assert names == ["ann", "bo", "cy"]
    assert ENTERPRISE not in by_name["Resources"][0]


def test_bad_input_is_refused_with_what_to_do(idp: Idp) -> None:
    refusals = [
        (idp.http.post("Users", content=b"{"), 400, "invalidSyntax"),
        (idp.http.post("Users", json=user("ann", userName=None)), 400, "invalidValue"),
        (idp.http.post("Users", json=user("ann", userName="x" * 300)), 400, "invalidValue"),
        (idp.http.post("Users", json=user("ann", title="a\0b")), 400, "invalidValue"),
        (idp.http.get("Users", params={"filter": "userName is 3"}), 400, "invalidFilter"),
        (idp.http.get("Users", params={"filter": "x" * 3_000}), 400, "invalidFilter"),
        (idp.http.post("Users", json=user("ann", title="x" * 600_000)), 413, None),
        (idp.http.get("Me"), 501, None),
        (idp.http.post("Schemas", json={}), 405, None),
    ]
    for response, status, kind in refusals:
        assert response.status_code == status, response.text
        body = response.json()
        assert body["schemas"] == [ERROR]
        assert (body["status"], body.get("scimType")) == (str(status), kind)
        assert body["detail"]
    assert idp.http.get("Users").json()["totalResults"] == 0


def test_a_value_that_cannot_be_is_refused_in_a_sentence_that_names_it(idp: Idp) -> None:
    ann = idp.user("ann")
    for path, value, names in (
        ("active", "maybe", "active"),
        ("emails", [{"value": {}}], "emails"),
    ):
        refused = idp.patch(f"Users/{ann}", replaces(path, value))
        assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")
        assert names in refused.json()["detail"]
        assert "pydantic" not in refused.text
