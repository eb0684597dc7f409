"""What the tests of all IdPs ask after what an IdP did."""

from typing import Any

import httpx2

from tests.scim.idp import Body, Idp


def shown(idp: Idp, response: httpx2.Response, status: int = 200) -> Body:
    """What a GET shows of a resource that was written, and that the answer said the same."""
    assert response.status_code == status, (response.status_code, response.text)
    place = str(response.request.url).partition("?")[0].rstrip("/")
    if status == 201:
        place = response.headers["location"]
        assert response.headers["content-type"] == "application/scim+json"
    got = idp.http.get(place)
    assert got.status_code == 200, got.text
    body: Body = got.json()
    if response.content:
        assert response.json() == body
    assert not has_null(body)
    if body["meta"]["resourceType"] == "User":
        assert body["active"] in {True, False}
    return body


def has_null(value: Any) -> bool:
    """Whether null stands anywhere: Entra cannot read it (idp-facts §4.2)."""
    match value:
        case dict():
            return any(map(has_null, value.values()))
        case list():
            return any(map(has_null, value))
        case _:
            return value is None


def members(group: Body) -> set[str]:
    """The ids of a group's members."""
    return {each["value"] for each in group.get("members", [])}


def found(idp: Idp, url: str) -> list[str]:
    """The ids of what a search finds, asked for by a URL as an IdP writes it."""
    response = idp.http.get(url)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
    return [each["id"] for each in body.get("Resources", [])]
