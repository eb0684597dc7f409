"""What JSON, HTTP and SCIM allow and few expect: read-only paths, odd bodies, versions, pages."""

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from schemas import limits
from tests.scim.idp import GROUP, USER, Body, Idp, adds, replaces, user
from tests.scim.test_bulk import BULK, bulk, makes, statuses

PERSON = f'"schemas": ["{USER}"]'


def posted(idp: Idp, body: str | bytes, **headers: str) -> tuple[int, str | None]:
    """The status and kind of what a body of a POST is answered."""
    content = body if isinstance(body, bytes) else body.encode()
    response = idp.http.post("Users", content=content, headers=headers)
    return response.status_code, response.json().get("scimType")


def test_what_is_read_only_stays(idp: Idp) -> None:
    """RFC 7644 §3.5.2: a client that names it is told; one that sends it back is not (§3.5.1)."""
    ann = idp.user("ann")
    group = idp.group("Design", ann)
    before = idp.http.get(f"Users/{ann}").json()
    for path in ("id", "meta", "meta.version", "groups", "groups.value", "ID", f"{USER}:groups"):
        for operation in (
            replaces(path, "x"),
            {"op": "add", "path": path, "value": [{"value": group}]},
            {"op": "remove", "path": path},
        ):
            refused = idp.patch(f"Users/{ann}", operation)
            assert (refused.status_code, refused.json()["scimType"]) == (400, "mutability"), path
    named: list[Body] = [{"id": "x"}, {"meta": {"version": "x"}}, {"groups": []}]
    for value in named:
        refused = idp.patch(f"Users/{ann}", {"op": "replace", "value": value})
        assert (refused.status_code, refused.json()["scimType"]) == (400, "mutability"), value
    dropped = idp.patch(f"Users/{ann}", {"op": "remove", "path": "schemas"})
    assert (dropped.status_code, dropped.json()["scimType"]) == (400, "mutability")
    moved = idp.patch(f"Groups/{group}", {"op": "replace", "value": {"id": ann}})
    assert (moved.status_code, moved.json()["scimType"]) == (400, "mutability")
    assert idp.http.get(f"Users/{ann}").json() == before
    back = idp.http.put(f"Users/{ann}", json=before | {"id": "x", "groups": [], "title": "Lead"})
    assert (back.status_code, back.json()["id"]) == (200, ann)
    assert [each["value"] for each in back.json()["groups"]] == [group]
    renamed = idp.patch(
        f"Groups/{group}", {"op": "replace", "value": {"id": group, "displayName": "Art"}}
    )
    assert renamed.status_code == 200, "Okta sends the id with each new name"


def test_who_is_made_does_not_choose_what_is_ours(idp: Idp) -> None:
    meta = {"version": 'W/"1"', "created": "2000-01-01T00:00:00Z", "location": "https://x.example"}
    made = idp.post_user("ann", id="1", meta=meta, groups=[{"value": "1"}]).json()
    assert made["id"] != "1"
    assert "groups" not in made
    assert not {each.get("value") for each in made["meta"].values() if isinstance(each, dict)}
    assert made["meta"]["location"].endswith(f"/Users/{made['id']}")
    assert made["meta"]["created"] > "2026"


def test_of_a_name_that_comes_twice_the_last_counts(idp: Idp) -> None:
    """RFC 8259 §4 leaves it open; everything here reads the same one."""
    for body, counts in (
        ('"userName": "a@acme.example", "userName": "b@acme.example"', "b@acme.example"),
        ('"userName": "c@acme.example", "USERNAME": "d@acme.example"', "d@acme.example"),
    ):
        made = idp.http.post("Users", content=f"{{{PERSON}, {body}}}".encode())
        assert (made.status_code, made.json()["userName"]) == (201, counts)
        assert idp.http.get(made.headers["location"]).json() == made.json()
        assert len(idp.found(f'userName eq "{counts}"')) == 1
    assert idp.http.get("Users").json()["totalResults"] == 2
    many = ", ".join(json.dumps(replaces("title", "x")) for _ in range(limits.SCIM_ENTRIES + 1))
    for twice in (f'"Operations": [], "operations": [{many}]', f'"operations": [{many}]'):
        refused = idp.http.patch("Users/1", content=f"{{{twice}}}".encode())
        assert refused.status_code == 413, "no second name goes around a limit"


DEEP = limits.SCIM_FILTER_DEPTH * 2
ODD = [
    ('"title": NaN', 400, "invalidValue"),
    ('"title": -Infinity', 400, "invalidValue"),
    ('"title": 1e999', 400, "invalidValue"),
    ('"active": 1e999', 400, "invalidValue"),
    (f'"title": {"9" * 5_000}', 400, "invalidSyntax"),
    ('"title": "\\ud800"', 400, "invalidSyntax"),
    ('"title": "\\udc00\\ud800"', 400, "invalidSyntax"),
    ('"title": "a\\u0000b"', 400, "invalidValue"),
    ('"title": "a\nb"', 400, "invalidSyntax"),
    (f'"x": {"[" * 500}{"]" * 500}', 400, "invalidSyntax"),
    (f'"x": {"[" * 100_000}', 400, "invalidSyntax"),
    ('"title": "x",', 400, "invalidSyntax"),
    ("\"title\": 'x'", 400, "invalidSyntax"),
    ('"active": {}', 400, "invalidValue"),
    ('"emails": [[[{"value": 1}]]]', 400, "invalidValue"),
    ('"x": NaN, "y": 1e999', 201, None),
    (f'"x": {"[" * DEEP}{"]" * DEEP}', 201, None),
    ('"__proto__": {"active": false}, "constructor": {"prototype": {"a": 1}}', 201, None),
    ('"__class__": "x", "model_config": {}, "model_fields_set": [], "__dict__": {}', 201, None),
]


def test_json_that_is_none_is_refused_and_what_is_unknown_left_out(idp: Idp) -> None:
    for number, (part, status, kind) in enumerate(ODD):
        body = f'{{{PERSON}, "userName": "p{number}@acme.example", {part}}}'
        assert posted(idp, body) == (status, kind), part[:40]
    shown = idp.http.get("Users").json()
    assert shown["totalResults"] == sum(status == 201 for _, status, _ in ODD)
    keys = {"schemas", "id", "meta", "userName", "active"}
    assert [set(each) - keys for each in shown["Resources"]] == [set()] * shown["totalResults"]


def test_a_body_is_json_in_utf8_as_it_is(idp: Idp) -> None:
    """RFC 7644 §3.1, RFC 8259 §8.1: no other encoding, and nothing is unpacked."""
    for body in ("", " ", "null", "[]", '"x"', "1", "{}", "{", "\ufeff{}", b"\xff", b"\xc0\xaf"):
        status, kind = posted(idp, body)
        assert (status, kind) in {(400, "invalidSyntax"), (400, "invalidValue")}, body
    whole = json.dumps(user("ann"))
    for sent, headers in (
        (b"\xef\xbb\xbf" + whole.encode(), {}),
        (whole.encode("utf-16"), {}),
        (whole.encode("utf-16"), {"Content-Type": "application/scim+json; charset=utf-16"}),
        (gzip.compress(whole.encode()), {"Content-Encoding": "gzip"}),
        (gzip.compress(b" " * 50_000_000, 1), {"Content-Encoding": "gzip"}),
    ):
        assert posted(idp, sent, **headers) == (400, "invalidSyntax")
    for kind in ("text/html", "application/xml", "multipart/form-data; boundary=x", "image/png"):
        assert posted(idp, whole, **{"Content-Type": kind}) == (415, None)
    assert idp.http.get("Users").json()["totalResults"] == 0
    kinds = ("application/json", "application/scim+json; charset=utf-8", "APPLICATION/JSON", "")
    for number, kind in enumerate(kinds):
        assert posted(idp, json.dumps(user(f"p{number}")), **{"Content-Type": kind}) == (201, None)


def test_a_body_in_pieces_ends_where_it_is_too_long(idp: Idp) -> None:
    taken: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(200):
            taken.append(number)
            yield b" " * (limits.SCIM_BODY // 10)

    try:
        response = idp.http.post("Users", content=pieces())
    except OSError:  # the connection may be gone before all is sent
        response = None
    assert response is None or response.status_code == 413
    whole = json.dumps(user("ann")).encode()
    small = idp.http.post("Users", content=(whole[n : n + 1] for n in range(len(whole))))
    assert small.status_code == 201


NOBODY = {"method": "DELETE", "path": "/Users/none"}


def group_of(bulk_id: str, member: str) -> Body:
    data = {"schemas": [GROUP], "displayName": bulk_id, "members": [{"value": member}]}
    return {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data}


def test_references_of_a_bulk_request_that_go_round_end(idp: Idp) -> None:
    """RFC 7644 §3.7.1: what cannot be resolved is 409."""
    round_ = [group_of("a", "bulkId:b"), group_of("b", "bulkId:c"), group_of("c", "bulkId:a")]
    assert statuses(bulk(idp, *round_)) == ["409"] * 3
    assert statuses(bulk(idp, group_of("self", "bulkId:self"))) == ["409"]
    assert statuses(bulk(idp, group_of("x", "bulkId:nobody"))) == ["409"]
    chain = [group_of(f"g{n}", f"bulkId:g{n + 1}") for n in range(19)]
    assert statuses(bulk(idp, *chain, group_of("g19", "none"))) == ["201"] * 20
    twice = bulk(idp, makes("ann"), makes("ann", userName="bo@acme.example", externalId="bo"))
    assert statuses(twice) == ["201", "400"]


def test_a_bulk_request_ends_at_so_many_errors(idp: Idp) -> None:
    """RFC 7644 §3.7.3: what comes after is not done, and not answered."""
    for most, done in ((1, 1), (2, 3), (3, 4), (99, 4)):
        name = f"p{most}"
        answered = bulk(idp, NOBODY, makes(name), NOBODY, NOBODY, failOnErrors=most)
        assert statuses(answered) == ["404", "201", "404", "404"][:done]
        assert len(idp.found(f'externalId eq "ext-{name}"')) == (done > 1)
    assert statuses(bulk(idp, NOBODY, makes("ann"), NOBODY)) == ["404", "201", "404"]


def test_nothing_but_people_and_groups_is_reached_by_bulk(idp: Idp) -> None:
    for path in ("/Bulk", "/Me", "/Schemas", "/.search", "/Users/.search", "/", "", "//x.example"):
        data = {"schemas": [BULK], "Operations": [NOBODY]}
        operation = {"method": "POST", "path": path, "bulkId": "a", "data": data}
        (answered,) = bulk(idp, operation)
        assert answered["status"] in {"400", "404", "405"}, path
    for method in ("GET", "HEAD", "post", ""):
        (answered,) = bulk(idp, {"method": method, "path": "/Users"})
        assert answered["status"] == "400"


def test_of_many_who_change_the_same_version_one_does(idp: Idp) -> None:
    """RFC 7644 §3.14, RFC 9110 §13.1.1: no update is lost."""
    ann = idp.post_user("ann").json()
    place, version = f"Users/{ann['id']}", ann["meta"]["version"]

    def change(title: str) -> int:
        return idp.patch(place, replaces("title", title), **{"If-Match": version}).status_code

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(change, (f"Title {number}" for number in range(8))))
    assert sorted(found) == [200] + [412] * 7
    shown = idp.http.get(place).json()
    assert shown["title"] == f"Title {found.index(200)}"
    put = idp.http.put(place, json=user("ann"), headers={"If-Match": version})
    assert put.status_code == 412
    for wrong in ('W/"', '"', "W/", "x", ",", f'{version}x, "1"'):
        assert idp.patch(place, replaces("title", "x"), **{"If-Match": wrong}).status_code == 412
    assert idp.http.get(place).json() == shown
    newest = shown["meta"]["version"]
    for right in (newest, f'"1", {newest}', newest.removeprefix("W/"), "*"):
        assert idp.patch(place, replaces("title", shown["title"]), **{"If-Match": right}).is_success
        cached = idp.http.get(place, headers={"If-None-Match": right})
        assert (cached.status_code, cached.content) == (304, b"")


FAR = "9" * 1_500
PAGES: list[tuple[Any, Any, int]] = [
    (None, None, 3),
    (0, None, 3),
    (-5, 2, 2),
    (1, 0, 0),
    (1, -1, 0),
    (2, 10**30, 2),
    (4, 1, 0),
    (2**31, 1, 0),
    (2**63, 2**63, 0),
    (FAR, FAR, 0),
]


def test_pages_of_any_size_from_anywhere(idp: Idp) -> None:
    """RFC 7644 §3.4.2.4: less than 1 is 1, and no count is negative."""
    for name in ("ann", "bo", "cy"):
        idp.user(name)
    for first, count, shown in PAGES:
        asked = {"startIndex": first, "count": count}
        asked = {name: value for name, value in asked.items() if value is not None}
        for response in (
            idp.http.get("Users", params=asked),
            idp.http.get("", params=asked),
            idp.http.post("Users/.search", json=asked),
        ):
            assert response.status_code == 200, response.text
            page = response.json()
            found = page["totalResults"], page["itemsPerPage"], len(page.get("Resources", []))
            assert found == (3, shown, shown), asked
    for wrong in ("x", "1.5", "1e3", "NaN", "١", "0x1", "1;2"):
        for name in ("startIndex", "count"):
            refused = idp.http.get("Users", params={name: wrong})
            assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")


def test_ten_thousand_members_come_in_one_request(idp: Idp) -> None:
    """Most of them are unknown: they are no error, and those who are known are in (§2)."""
    ann, bo = idp.user("ann"), idp.user("bo")
    unknown = [f"{number:08}-0000-7000-8000-000000000000" for number in range(10_000)]
    group = idp.group("All", ann, *unknown)
    assert idp.members_of(group) == {ann}
    assert idp.patch(f"Groups/{group}", adds(*unknown, bo)).is_success
    assert idp.members_of(group) == {ann, bo}
