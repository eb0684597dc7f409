"""Bulk requests (RFC 7644 §3.7): each operation by itself, and by the same rules."""

from typing import Any

from tests.scim.idp import GROUP, PATCH, Body, Idp, adds, replaces, user

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def bulk(idp: Idp, *operations: Body, **more: Any) -> list[Body]:
    """The operations of the answer."""
    body = {"schemas": [BULK], "Operations": list(operations)} | more
    response = idp.http.post("Bulk", json=body)
    assert response.status_code == 200, response.text
    return list(response.json()["Operations"])


def makes(name: str, **changed: Any) -> Body:
    data = user(name, **changed)
    return {"method": "POST", "path": "/Users", "bulkId": name, "data": data}


def patches(path: str, *operations: Body) -> Body:
    data = {"schemas": [PATCH], "Operations": list(operations)}
    return {"method": "PATCH", "path": path, "data": data}


def statuses(answered: list[Body]) -> list[str]:
    return [each["status"] for each in answered]


def test_people_and_their_group_come_in_one_request(idp: Idp) -> None:
    group = {"schemas": [GROUP], "displayName": "Design", "members": [{"value": "bulkId:ann"}]}
    made = {"method": "POST", "path": "/Groups", "bulkId": "design", "data": group}
    answered = bulk(idp, makes("ann"), makes("bo"), made)
    assert statuses(answered) == ["201", "201", "201"]
    ann, bo, design = (each["location"].rpartition("/")[2] for each in answered)
    assert idp.members_of(design) == {ann}
    answered = bulk(
        idp,
        patches(f"/Groups/{design}", adds(bo)),
        patches(f"/Users/{ann}", replaces("active", False)),
        {"method": "PUT", "path": f"/Users/{bo}", "data": user("bo", title="Lead")},
        {"method": "DELETE", "path": f"/Users/{ann}"},
    )
    assert statuses(answered) == ["200", "200", "200", "204"]
    assert idp.members_of(design) == {bo}
    assert idp.http.get(f"Users/{bo}").json()["title"] == "Lead"
    assert idp.http.get(f"Users/{ann}").status_code == 404


def test_one_that_fails_says_why_and_stops_no_other(idp: Idp) -> None:
    idp.user("ann")
    many = [replaces("title", "x")] * 101
    answered = bulk(idp, makes("ann"), makes("bo"), patches("/Users/none", *many[:1]))
    assert statuses(answered) == ["409", "201", "404"]
    assert answered[0]["response"]["scimType"] == "uniqueness"
    stopped = bulk(idp, makes("ann"), makes("cy"), failOnErrors=1)
    assert statuses(stopped) == ["409"]
    assert idp.found('userName eq "cy@acme.example"') == []
    body = {"schemas": [BULK], "Operations": [patches("/Users/none", *many)]}
    assert idp.http.post("Bulk", json=body).status_code == 413
