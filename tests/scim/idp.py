"""Who speaks to Rollcall in SCIM tests: the product's administrator, and an IdP."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2

from tests.clear import CLEAR
from tests.harness import World
from tests.waiting import eventually

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
Body = dict[str, Any]


class Admin:
    """Calls the admin API for one tenant."""

    def __init__(self, http: httpx2.Client, tenant_id: str) -> None:
        self.http = http
        self.tenant_id = tenant_id
        self.path = f"/api/tenants/{tenant_id}"

    def open(self) -> None:
        """Make the tenant, its roles and a workspace."""
        self.post("/api/tenants", tenant_id=self.tenant_id, name=self.tenant_id.title())
        with ThreadPoolExecutor() as side_by_side:
            settings = [
                side_by_side.submit(self.put, "/roles/viewer", rank=10),
                side_by_side.submit(self.put, "/roles/member", rank=20, is_default=True),
                side_by_side.submit(self.put, "/roles/admin", rank=30, is_admin=True),
                side_by_side.submit(self.post, "/workspaces", slug="design", name="Design"),
            ]
            for setting in settings:
                setting.result()

    def post(self, path: str, **body: Any) -> Body:
        path = path if path.startswith("/api") else self.path + path
        return self._answer(self.http.post(path, json=body))

    def put(self, path: str, **body: Any) -> Body:
        return self._answer(self.http.put(self.path + path, json=body))

    def get(self, path: str, **query: Any) -> Body:
        return self._answer(self.http.get(self.path + path, params=query))

    def delete(self, path: str) -> Body:
        return self._answer(self.http.delete(self.path + path))

    def directory(self, provider: str = "generic", name: str = "Acme SCIM") -> str:
        """Make a SCIM directory; its id."""
        made = self.post("/directories", name=name, provider=provider, kind="scim")
        return str(made["directory_id"])

    @contextmanager
    def idp(self, provider: str = "generic") -> Iterator["Idp"]:
        """An IdP that has a token of a directory of its own."""
        directory_id = self.directory(provider)
        token = self.post(f"/directories/{directory_id}/tokens")["token"]
        with httpx2.Client(
            base_url=str(self.http.base_url.join("/scim/v2/")),
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            verify=CLEAR,
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=100),
        ) as http:
            yield Idp(http, self, directory_id)

    def member(self, user_id: str) -> Body | None:
        """The member that a directory user is, as the product sees them; None without access."""
        for row in self.get("/members")["members"]:
            detail = self.get(f"/members/{row['member_id']}")
            if any(user["user_id"] == user_id for user in detail["users"]):
                return detail
        return None

    def until_standing(self, user_id: str, standing: str) -> Body:
        """Wait until a member stands so."""

        def stands() -> Body | None:
            found = self.member(user_id)
            return found if found is not None and found["standing"] == standing else None

        found = eventually(stands, 30)
        assert found is not None
        return found

    def sentences(self) -> list[str]:
        """The audit log, oldest first."""
        return [entry["sentence"] for entry in reversed(self.get("/audit")["entries"])]

    def _answer(self, response: httpx2.Response) -> Body:
        assert response.is_success, (response.status_code, response.text)
        body: Body = response.json()
        return body


@contextmanager
def administering(rollcall: World) -> Iterator[Admin]:
    """A new tenant."""
    headers = {"Authorization": f"Bearer {rollcall.settings.require_admin_token()}"}
    url = rollcall.settings.url
    with httpx2.Client(base_url=url, headers=headers, timeout=60, verify=CLEAR) as http:
        admin = Admin(http, f"t{secrets.token_hex(5)}")
        admin.open()
        yield admin


class Idp:
    """Calls the SCIM door of one directory."""

    def __init__(self, http: httpx2.Client, admin: Admin, directory_id: str) -> None:
        self.http = http
        self.admin = admin
        self.directory_id = directory_id

    @contextmanager
    def at(self, gateway: httpx2.URL) -> Iterator["Idp"]:
        """The same IdP at another gateway."""
        url = gateway.join("/scim/v2/")
        own = self.http.headers
        with httpx2.Client(base_url=url, headers=own, timeout=60, verify=CLEAR) as http:
            yield Idp(http, self.admin, self.directory_id)

    def post_user(self, name: str = "ann", **changed: Any) -> httpx2.Response:
        return self.http.post("Users", json=user(name, **changed))

    def user(self, name: str = "ann", **changed: Any) -> str:
        """Create a user; the id."""
        response = self.post_user(name, **changed)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def post_group(self, name: str, *members: str, **changed: Any) -> httpx2.Response:
        body = {"schemas": [GROUP], "displayName": name} | changed
        if members:
            body["members"] = [{"value": member} for member in members]
        return self.http.post("Groups", json=body)

    def group(self, name: str, *members: str, **changed: Any) -> str:
        """Create a group; the id."""
        response = self.post_group(name, *members, **changed)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def patch(self, path: str, *operations: Body, **headers: str) -> httpx2.Response:
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return self.http.patch(path, json=body, headers=headers)

    def members_of(self, group_id: str) -> set[str]:
        response = self.http.get(f"Groups/{group_id}")
        assert response.status_code == 200, response.text
        return {member["value"] for member in response.json().get("members", [])}

    def found(self, where: str, endpoint: str = "Users") -> list[Body]:
        """The resources that match a filter."""
        response = self.http.get(endpoint, params={"filter": where})
        assert response.status_code == 200, response.text
        return list(response.json().get("Resources", []))


def user(name: str = "ann", **changed: Any) -> Body:
    """A user as IdPs send it; None leaves an attribute out."""
    body = {
        "schemas": [USER, ENTERPRISE],
        "userName": f"{name}@acme.example",
        "externalId": f"ext-{name}",
        "name": {"givenName": name.title(), "familyName": "Lee"},
        "displayName": f"{name.title()} Lee",
        "emails": [{"value": f"{name}@acme.example", "type": "work", "primary": True}],
        "active": True,
        ENTERPRISE: {"department": "Design"},
    } | changed
    return {key: value for key, value in body.items() if value is not None}


def adds(*members: str) -> Body:
    return {"op": "add", "path": "members", "value": [{"value": m} for m in members]}


def removes(member: str) -> Body:
    return {"op": "remove", "path": f'members[value eq "{member}"]'}


def replaces(path: str, value: Any) -> Body:
    return {"op": "replace", "path": path, "value": value}
