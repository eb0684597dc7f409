"""What takes too long to read is refused unread; what IdPs send passes."""

import json
from typing import Any

import pytest
from scim2_models import SCIMException
from scim2_server.requests import ScimRequest

from ingest.scim.body import Body
from ingest.scim.bounds import require_bounded
from schemas import limits

MANY = limits.SCIM_ENTRIES + 1
LONG = "x" * (limits.SCIM_FILTER + 1)


def request(method: str = "PATCH", path: str = "/Users/1", body: Any = None, **more: Any) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    base = "https://rollcall.example/scim/v2"
    parts: dict[str, Any] = {"query": {}, "headers": []} | more
    return ScimRequest(method=method, base_url=base, path=path, body=content, **parts)


def check(asked: ScimRequest) -> None:
    require_bounded(asked, Body(asked.body).sent)


def operations(count: int, **operation: Any) -> dict[str, Any]:
    return {"OPERATIONS": [{"op": "replace", "path": "title", "value": "x"} | operation] * count}


def unlike(count: int, length: int) -> dict[str, Any]:
    """Operations with so many paths of that length, none like another."""
    each = [{"op": "remove", "path": f"{number:0{length}}"} for number in range(count)]
    return {"Operations": each}


def wide(names: int, *, urn: str | None = None) -> dict[str, Any]:
    """One operation without a path, whose value names so many attributes."""
    value = {f"x{each}": 1 for each in range(names)}
    return {"Operations": [{"op": "add", "value": value if urn is None else {urn: value}}]}


def bulk(path: str, *data: Any) -> Any:
    return {"Operations": [{"method": "PATCH", "path": path, "data": each} for each in data]}


def members(count: int) -> list[dict[str, str]]:
    return [{"value": str(number)} for number in range(count)]


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (413, request(body=operations(MANY))),
        (413, request(path="/users/1", body=operations(MANY))),
        (413, request("POST", "/Users", {"emails": members(MANY)})),
        (413, request(body=operations(1, path="emails", value=members(MANY)))),
        (413, request("PUT", "/Users/1", {"groups": members(2_001)})),
        (413, request(path="/Groups/1", body=operations(limits.GROUP_OPERATIONS + 1))),
        (413, request(path="/Groups/1", body=unlike(65, 1_000))),
        (413, request(body=wide(limits.SCIM_PATHS + 1))),
        (413, request(body=wide(limits.SCIM_PATHS, urn="urn:acme:User"))),
        (413, request("POST", "/Groups", {"members": members(limits.SCIM_MEMBERS + 1)})),
        (413, request("PUT", "/Users/1", {"x": {str(n): n for n in range(limits.SCIM_PATHS + 1)}})),
        (413, request(path="/Groups/1", body=operations(2, value=members(20_001)))),
        (
            413,
            request(
                path="/Groups/1",
                body=operations(2, value={"urn:x:Group": {"members": members(20_001)}}),
            ),
        ),
        (413, request("POST", "/Bulk", bulk("/Groups/1", unlike(600, 9), unlike(600, 9)))),
        (413, request("POST", "/Bulk", bulk("/Groups/1", unlike(33, 999), unlike(33, 999)))),
        (413, request("POST", "/.search", {"filter": "x", "attributes": ["title"] * MANY})),
        (413, request("POST", "/Users/.search", {"x": {"y": "z" * 64_000}})),
        (400, request("POST", "/Users/.search", {"FILTER": LONG})),
        (400, request("POST", "/Users/.search/", {"sortBy": LONG})),
        (400, request(body=operations(1, path=LONG))),
        (400, request(path="/Groups/1", body={"operations": [{"Path": LONG}]})),
        (400, request("GET", "/Users", query={"filter": LONG})),
        (400, request("GET", "/Users", query={"attributes": LONG})),
        (400, request(headers=[("If-Match", '"1", ' * 1_000)])),
        (404, request("GET", "/Users/a\r\nb")),
        (404, request("GET", "/Users/a\0b")),
    ],
)
def test_too_much_is_refused(status: int, asked: ScimRequest) -> None:
    with pytest.raises(SCIMException) as refused:
        check(asked)
    assert refused.value.status == status
    assert refused.value.detail


@pytest.mark.parametrize("data", [operations(MANY), operations(1, path=LONG)])
def test_within_a_bulk_request_too(data: Any) -> None:
    bulk = {"Operations": [{"method": "PATCH", "path": "/Users/1", "data": data}]}
    with pytest.raises(SCIMException):
        check(request("POST", "/Bulk", bulk))


@pytest.mark.parametrize(
    "asked",
    [
        request("POST", "/Groups", {"members": members(30_000)}),
        request(path="/Groups/1", body=operations(1, path="members", value=members(30_000))),
        request(path="/Groups/1", body=operations(limits.GROUP_OPERATIONS)),
        request(path="/Groups/1", body=unlike(limits.GROUP_OPERATIONS, 64)),
        request("POST", "/Groups", {"members": members(limits.SCIM_MEMBERS)}),
        request(body=wide(limits.SCIM_PATHS)),
        request("POST", "/Users", {str(number): number for number in range(limits.SCIM_PATHS)}),
        request(body=operations(limits.SCIM_ENTRIES)),
        request("PUT", "/Users/1", {"groups": members(2_000)}),
        request("POST", "/Bulk", {"Operations": [{"path": "/Groups", "data": members(1_000)}]}),
        request("POST", "/Users", "no object"),
        request("GET", "/Users/Zoë", query={"filter": LONG[1:]}),
    ],
)
def test_as_much_as_anybody_needs_passes(asked: ScimRequest) -> None:
    check(asked)


def test_what_is_no_json_is_left_to_the_library() -> None:
    deep = b"[" * 100_000
    base = "https://rollcall.example/scim/v2"
    for body in (b"{", b"\xff", deep):
        check(ScimRequest(method="POST", base_url=base, path="/Users", query={}, body=body))
