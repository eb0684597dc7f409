"""A tenant of a running Rollcall that a simulated IdP writes to, and what must be true of it.

What must be true is computed from the company alone, with plain dicts.
"""

import secrets
from contextlib import suppress
from typing import Any, Final, NamedTuple

from deploy.demo.posting import PATH
from deploy.positions import survey
from deploy.simulate.company import Company, Group, Person
from deploy.simulate.providers import SCIM, Idp, Target
from deploy.simulate.scim import ScimIdp
from tests.harness import World
from tests.scim.idp import Admin
from tests.waiting import eventually

RANKS: Final = {"viewer": 10, "member": 20, "admin": 30}
DEFAULT: Final = "member"
SECONDS: Final = 60
DECIDED: Final = (
    *("directory_user", "directory_group", "membership", "member", "member_workspace"),
    *("directory_revision", "hold", "directory_warning", "audit_entry"),
)
"""Tables that change when anything is decided about a directory."""


class Grants(NamedTuple):
    """What a mapped group grants."""

    role: str | None
    workspaces: dict[str, str | None]


class Seen(NamedTuple):
    """What became of somebody, as the product sees them."""

    name: str
    email: str | None
    role: str | None
    workspaces: dict[str, str | None]


MAPPED: Final = (
    Grants(None, {"design": None}),
    Grants("viewer", {"design": "viewer"}),
    Grants("member", {"design": "member"}),
)
"""Of the first groups; the others grant nothing.

Nobody becomes an admin, whose loss would be held.
"""


class Place:
    """A directory of its provider, in a tenant where no departure is held back."""

    def __init__(self, rollcall: World, admin: Admin, provider: str) -> None:
        self._rollcall = rollcall
        self._admin = admin
        admin.put("/policy", breaker="off")
        url = rollcall.settings.url
        if provider in SCIM:
            self.directory_id = admin.directory(provider.partition(":")[0])
            token = admin.post(f"/directories/{self.directory_id}/tokens")["token"]
            self.target = Target(url=f"{url}/scim/v2", secret=token)
        else:
            self.directory_id = f"directory_01{secrets.token_hex(12)}"
            kind = provider.partition(":")[2]
            details = {"name": "WorkOS", "provider": kind, "directory_id": self.directory_id}
            admin.post("/directories", **details)
            (secret,) = rollcall.settings.workos_webhook_secrets
            self.target = Target(url=f"{url}{PATH}", secret=secret, directory_id=self.directory_id)
        self._mapped: dict[tuple[str, str], Grants] = {}

    def map_groups(self, idp: Idp, truth: Company) -> None:
        """Map the first groups as they are at the target now; one that comes back is another."""
        for group, grants in zip(truth.groups.values(), MAPPED, strict=False):
            target = _target_id(idp, group.id)
            workspaces = [{"workspace": w, "role": r} for w, r in grants.workspaces.items()]
            path = f"/directories/{self.directory_id}/mappings/{target}"
            self._admin.put(path, role=grants.role, workspaces=workspaces)
            self._mapped[group.id, target] = grants

    def end(self, idp: Idp, truth: Company) -> tuple[Any, Any]:
        """What there is, and what there must be; waited for until both are the same."""
        expected = self._expected(idp, truth)
        with suppress(AssertionError):  # the test compares, and shows what differs
            eventually(lambda: self._seen() == expected, SECONDS)
        return self._seen(), expected

    def snapshot(self) -> dict[str, list[Any]]:
        """All that was ever decided, once no message waits for it."""
        eventually(self._all_is_decided, SECONDS)
        return {
            table: self._rollcall.rows(
                f"SELECT to_jsonb({table}) AS row FROM {table} WHERE tenant_id = %s ORDER BY 1",
                self._admin.tenant_id,
            )
            for table in DECIDED
        }

    def _all_is_decided(self) -> bool:
        standings = survey.standings(self._rollcall.settings)
        return all(each.lag == 0 for each in standings)

    def _seen(self) -> tuple[Any, ...]:
        directory = self._admin.tenant_id, self.directory_id
        users = self._rollcall.rows(
            "SELECT user_id, idp_id FROM directory_user"
            " WHERE (tenant_id, directory_id) = (%s, %s) AND active AND NOT deleted",
            *directory,
        )
        groups = self._rollcall.rows(
            "SELECT group_id, name FROM directory_group"
            " WHERE (tenant_id, directory_id) = (%s, %s) AND NOT deleted",
            *directory,
        )
        edges = self._rollcall.rows(
            "SELECT group_id, user_id FROM membership WHERE (tenant_id, directory_id) = (%s, %s)",
            *directory,
        )
        names = {each["group_id"]: each["name"] for each in groups}
        people = {each["user_id"]: each["idp_id"] for each in users}
        within = {
            (names[each["group_id"]], people[each["user_id"]])
            for each in edges
            if each["group_id"] in names and each["user_id"] in people
        }
        return sorted(people.values()), sorted(names.values()), within, self._members()

    def _members(self) -> dict[str, Seen]:
        """By the IdP's id, who has access."""
        page = self._admin.get("/members", limit=200)
        rows = page["members"]
        while page["after"] is not None:
            page = self._admin.get("/members", limit=200, after=page["after"])
            rows += page["members"]
        return {
            external_id.partition("/")[2]: Seen(
                row["display_name"],
                row["email"],
                row["role"],
                {each["workspace"]: each["role"] for each in row["workspaces"]},
            )
            for row in rows
            if row["standing"] == "active"
            for external_id in row["external_ids"]
        }

    def _expected(self, idp: Idp, truth: Company) -> tuple[Any, ...]:
        groups = [*truth.groups.values()]
        if isinstance(idp, ScimIdp) and not idp.WITHDRAWS_GROUPS:
            groups += truth.withdrawn.values()
        people = {each.id: each for each in truth.people.values() if _is_there(idp, truth, each)}
        within = {
            (group.name, each) for group in groups for each in group.members if each in people
        }
        members = {at: self._access(idp, groups, each) for at, each in people.items()}
        return sorted(people), sorted(each.name for each in groups), within, members

    def _access(self, idp: Idp, groups: list[Group], person: Person) -> Seen:
        granted = [
            grants
            for group in groups
            if person.id in group.members
            if (grants := self._mapped.get((group.id, _target_id(idp, group.id))))
        ]
        roles = [each.role for each in granted if each.role is not None]
        workspaces: dict[str, str | None] = {}
        for slug, role in (grant for each in granted for grant in each.workspaces.items()):
            rivals = [each for each in (role, workspaces.get(slug)) if each is not None]
            workspaces[slug] = max(rivals, key=RANKS.__getitem__, default=None)
        role = max(roles, key=RANKS.__getitem__, default=DEFAULT)
        return Seen(person.name, person.email, role, workspaces)


def _target_id(idp: Idp, group_id: str) -> str:
    if isinstance(idp, ScimIdp):
        return idp.groups[group_id].id
    return str(idp.groups[group_id]["id"])


def _is_there(idp: Idp, truth: Company, person: Person) -> bool:
    return person.active if isinstance(idp, ScimIdp) else idp.shows(truth, person)
