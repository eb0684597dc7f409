import json
from typing import Any

import httpx2
import pytest

from schemas import limits
from tests.ingest import rows
from tests.ingest.conftest import Door

TENANT = "/api/tenants/acme"
MAPPING = f"{TENANT}/directories/acme-okta/mappings/group-1"


@pytest.fixture
def acme(door: Door) -> Door:
    door.write(*rows.company("acme"))
    return door


HEADERS = (
    "",
    "Bearer",
    "Bearer wrong-token-of-some-length",
    "bearer {token}",
    "Bearer  {token}",
    "Bearer {token}x",
    "Basic {token}",
    "{token}",
    "Bearer \xe9",
)


def test_only_the_token_opens_the_api(door: Door) -> None:
    token = door.settings.require_admin_token()
    once = [[header.format(token=token)] for header in HEADERS]
    twice = [f"Bearer {token}"] * 2
    with httpx2.Client(base_url=door.http.base_url) as http:
        for values in ([], twice, *once):
            headers = [(b"Authorization", value.encode("latin-1")) for value in values]
            for answer in (
                http.get("/api/tenants", headers=headers),
                http.post("/api/tenants", content=b"{", headers=headers),
                http.get("/api/openapi.json", headers=headers),
                http.get("/api/nothing", headers=headers),
            ):
                assert (answer.status_code, answer.json()["error"]) == (401, "unauthenticated")
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert door.http.get("/api/tenants").json() == {"tenants": []}


WRONG: tuple[tuple[str, str, Any, str], ...] = (
    ("POST", "/api/tenants", {"tenant_id": "Acme", "name": "A"}, "tenant_id"),
    ("POST", "/api/tenants", {"tenant_id": "_unassigned", "name": "A"}, "tenant_id"),
    ("POST", "/api/tenants", {"tenant_id": "a\n", "name": "A"}, "tenant_id"),
    ("POST", "/api/tenants", {"tenant_id": "a" * 64, "name": "A"}, "tenant_id"),
    ("POST", "/api/tenants", {"tenant_id": "a", "name": ""}, "name"),
    ("POST", "/api/tenants", {"tenant_id": "a", "name": "A\0"}, "name"),
    ("POST", "/api/tenants", {"tenant_id": "a", "name": "\ud800"}, "name"),
    ("POST", "/api/tenants", {"tenant_id": "a"}, "name"),
    ("POST", "/api/tenants", {"tenant_id": "a", "name": "A", "nmae": "A"}, "nmae"),
    ("POST", "/api/tenants", [], "body"),
    ("PUT", f"{TENANT}/roles/admin", {"rank": "1"}, "rank"),
    ("PUT", f"{TENANT}/roles/admin", {"rank": 1.5}, "rank"),
    ("PUT", f"{TENANT}/roles/admin", {"rank": True}, "rank"),
    ("PUT", f"{TENANT}/roles/admin", {"rank": 2**31}, "rank"),
    ("PUT", f"{TENANT}/roles/ad%20min", {"rank": 1}, "slug"),
    ("PUT", f"{TENANT}/roles/admin", {"rank": 1, "is_admin": "yes"}, "is_admin"),
    ("POST", f"{TENANT}/directories", {"directory_id": "d\0", "name": "D"}, "directory_id"),
    (
        "POST",
        f"{TENANT}/directories",
        {"directory_id": "d", "name": "D", "provider": "x"},
        "provider",
    ),
    ("PUT", f"{TENANT}/directories/d", {"on_disconnect": "ask"}, "on_disconnect"),
    ("PUT", f"{TENANT}/directories/d", {}, "on_disconnect"),
    ("POST", f"{TENANT}/directories", {"name": "D"}, "directory_id"),
    ("POST", f"{TENANT}/directories", {"directory_id": "d", "name": "D", "kind": "scim"}, "kind"),
    ("PUT", f"{TENANT}/policy", {}, "breaker"),
    ("PUT", f"{TENANT}/policy", {"breaker": "on"}, "breaker"),
    ("PUT", f"{TENANT}/policy", {"own_attributes": [{"schema": "x", "name": "y"}]}, "schema"),
    ("POST", f"{TENANT}/directories/d/tokens", {"days": 0}, "days"),
    ("PUT", f"{TENANT}/holds/m", {"ruling": "perhaps"}, "ruling"),
    ("PUT", MAPPING, {"workspaces": [{"workspace": "a"}, {"workspace": "a"}]}, "once"),
    ("PUT", MAPPING, {"workspaces": [{"workspace": "a"}] * 51}, "workspaces"),
    ("PUT", MAPPING.replace("group-1", "g%00"), {}, "group_id"),
    ("POST", f"{TENANT}/members/ada/sessions", {"label": 1}, "label"),
    ("GET", f"{TENANT}/members?limit=0", None, "limit"),
    ("GET", f"{TENANT}/members?limit={limits.PAGE + 1}", None, "limit"),
    ("GET", f"{TENANT}/members?email=%00", None, "email"),
    ("GET", f"{TENANT}/members?standing=gone", None, "standing"),
    ("GET", f"{TENANT}/members?rol=admin", None, "rol"),
    ("GET", f"{TENANT}/members/%00", None, "member_id"),
    ("GET", f"{TENANT}/audit?since=yesterday", None, "since"),
    ("GET", f"{TENANT}/audit?before={1 << 63}", None, "before"),
    ("GET", "/api/tenants/%00/roles", None, "tenant_id"),
    ("GET", "/api/dead-letters?settled=maybe", None, "settled"),
    ("GET", "/api/dead-letters?after=-1", None, "after"),
    ("GET", "/api/dead-letters?tenant=%00", None, "tenant"),
    ("GET", "/api/dead-letters?tenent=acme", None, "tenent"),
    ("GET", "/api/dead-letters/%00", None, "letter_id"),
)


def test_what_cannot_be_is_422_and_names_the_field(acme: Door) -> None:
    for method, url, body, field in WRONG:
        content = None if method == "GET" else json.dumps(body)
        answer = acme.http.request(
            method, url, content=content, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), url
        assert field in answer.json()["detail"]


def test_what_is_no_json_or_too_large_is_refused(acme: Door) -> None:
    url = "/api/tenants"
    json_type = {"Content-Type": "application/json"}
    for body, status in (
        (b"{", 422),
        (b'{"tenant_id": "a", "name": NaN}', 422),
        (b"\xff", 400),
        (b"[" * 60_000, 400),
        (b" " * (limits.API_BODY + 1), 413),
    ):
        answer = acme.http.post(url, content=body, headers=json_type)
        assert answer.status_code == status
        assert answer.json().keys() == {"error", "detail"}
    streamed = acme.http.post(url, content=iter([b" " * limits.API_BODY, b" "]), headers=json_type)
    assert streamed.status_code == 413


def test_a_directory_of_another_tenant_is_taken(acme: Door) -> None:
    acme.write(rows.tenant("other"))
    body = {"directory_id": "acme-okta", "name": "Okta"}
    answer = acme.http.post("/api/tenants/other/directories", json=body)
    assert (answer.status_code, answer.json()["error"]) == (409, "taken")


def test_an_unknown_tenant_or_letter_is_404_on_every_route(door: Door) -> None:
    label = {"label": "x"}
    requests: tuple[tuple[str, str, Any], ...] = (
        ("PUT", "/roles/admin", {"rank": 1}),
        ("GET", "/roles", None),
        ("POST", "/workspaces", {"slug": "w", "name": "W"}),
        ("GET", "/workspaces", None),
        ("POST", "/directories", {"directory_id": "d", "name": "D"}),
        ("GET", "/directories", None),
        ("PUT", "/directories/d", {"on_disconnect": "keep"}),
        ("DELETE", "/directories/d", None),
        ("GET", "/directories/d/warnings", None),
        ("POST", "/directories/d/tokens", {}),
        ("GET", "/directories/d/tokens", None),
        ("DELETE", "/directories/d/tokens/t", None),
        ("PUT", "/policy", {"breaker": "off"}),
        ("GET", "/holds", None),
        ("PUT", "/holds/m", {"ruling": "approve"}),
        ("PUT", "/directories/d/mappings/g", {}),
        ("GET", "/mappings", None),
        ("GET", "/members", None),
        ("GET", "/members/m", None),
        ("POST", "/members/m/sessions", label),
        ("GET", "/members/m/sessions", None),
        ("POST", "/members/m/api-keys", label),
        ("GET", "/members/m/api-keys", None),
        ("POST", "/members", {"members": [{"product_id": "p"}]}),
        ("PUT", "/members/p", {}),
        ("DELETE", "/members/p", None),
        ("PUT", "/members/m/links/d", {"user_id": "u"}),
        ("DELETE", "/members/m/links/d", None),
        ("GET", "/directories/d/groups", None),
        ("GET", "/directories/d/comparison", None),
        ("POST", "/directories/d/switch", None),
        ("GET", "/audit", None),
        ("PUT", "/domains/acme.example", {"proof": "dns"}),
        ("DELETE", "/domains/acme.example", None),
        ("GET", "/domains", None),
    )
    of_letters: tuple[tuple[str, str, Any], ...] = (
        ("GET", "", None),
        ("POST", "/replay", None),
        ("POST", "/drop", None),
    )
    urls = [(method, f"tenants/nobody{url}", body) for method, url, body in requests]
    urls += [(method, f"dead-letters/none{url}", body) for method, url, body in of_letters]
    for method, url, body in urls:
        answer = door.http.request(method, f"/api/{url}", json=body)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found"), url
    documented = door.http.get("/api/openapi.json").json()["paths"]
    operations = sum(len(operations) for operations in documented.values())
    others = ("POST /tenants", "GET /tenants", "GET /dead-letters")
    assert operations == len(urls) + len(others)
