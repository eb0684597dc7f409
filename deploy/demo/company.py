"""The invented customer: its roles, its workspaces, and what its groups grant."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from deploy.simulate.workos import Event

TENANT: Final = "acme"
NAME: Final = "Acme Inc."
DIRECTORY: Final = "directory_01K0ACME0DEM0D1RECT0RY0001"
ORGANIZATION: Final = "org_01K0ACME0DEM00RGAN1ZAT10N01"

RANKS: Final = {"owner": 40, "admin": 30, "member": 20, "viewer": 10}
ADMIN_ROLES: Final = ("owner", "admin")
DEFAULT_ROLE: Final = "viewer"
WORKSPACES: Final = {
    "handbook": "Handbook",
    "engineering": "Engineering",
    "design": "Design",
    "sales": "Sales",
    "operations": "Operations",
}


class Grant(NamedTuple):
    """What a group grants."""

    role: str | None
    workspaces: tuple[str, ...] = ()
    """As `rollcall mapping set` takes them: `slug` or `slug:role`."""


GRANTS: Final[Mapping[str, Grant]] = {
    "All Employees": Grant("member", ("handbook",)),
    "Contractors": Grant("viewer"),
    "Engineering": Grant(None, ("engineering",)),
    "Sales": Grant(None, ("sales",)),
    "Marketing": Grant(None, ("design", "sales:viewer")),
    "Support": Grant(None, ("operations", "sales:viewer")),
    "Finance": Grant(None, ("operations",)),
    "People Team": Grant(None, ("operations", "handbook:admin")),
    "Design": Grant(None, ("design",)),
    "Platform": Grant(None, ("engineering", "operations")),
    "Data": Grant(None, ("engineering", "sales:viewer")),
    "Platform Admins": Grant("admin", ("engineering:admin",)),
    "IT Admins": Grant("admin", ("operations:admin",)),
    "Owners": Grant("owner", tuple(WORKSPACES)),
}
"""By the group's name."""


class Expected(NamedTuple):
    """Where a person must end."""

    role: str | None
    workspaces: frozenset[str]


def group_ids(events: Sequence[Event]) -> dict[str, str]:
    """The id at WorkOS of each group, by its name."""
    groups = (each["data"] for each in events if each["event"] == "dsync.group.created")
    return {group["name"]: group["id"] for group in groups}


def expected(events: Sequence[Event]) -> dict[str, Expected]:
    """Where everybody must end, by email: found from memberships and grants alone.

    The demo compares what arrived with it, so that it cannot show a wrong result as a success.
    """
    within: dict[str, set[str]] = {
        each["data"]["email"]: set() for each in events if each["event"] == "dsync.user.created"
    }
    for each in events:
        if each["event"] == "dsync.group.user_added":
            within[each["data"]["user"]["email"]].add(each["data"]["group"]["name"])
    return {email: _access([GRANTS[name] for name in names]) for email, names in within.items()}


def _access(grants: Sequence[Grant]) -> Expected:
    roles = [grant.role for grant in grants if grant.role is not None]
    return Expected(
        role=max(roles, key=RANKS.__getitem__, default=DEFAULT_ROLE),
        workspaces=frozenset(
            workspace.partition(":")[0] for grant in grants for workspace in grant.workspaces
        ),
    )
