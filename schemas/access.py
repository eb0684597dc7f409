"""What a member may do, and why: the values that changes, events, state and read models share."""

from typing import Literal

import msgspec

Standing = Literal["active", "none"]
"""Whether a member may log in."""

LostBecause = Literal["deactivated", "deleted", "no_mapped_group", "disconnected", "manual"]
"""Why somebody lost access (access-rules §5)."""


class WorkspaceGrant(msgspec.Struct, frozen=True, order=True):
    """Membership in a workspace, with a role in it where the mapping names one."""

    workspace: str
    role: str | None = None


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A role, workspaces and a standing.

    Desired and applied access are two values of this type.
    """

    standing: Standing = "none"
    role: str | None = None
    workspaces: tuple[WorkspaceGrant, ...] = ()
    """Sorted by workspace, each once."""


NO_ACCESS = Access()


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """Which group, rule or policy decided (access-rules §6)."""

    kind: Literal["group", "default_role", "directory", "mapping", "role", "admin", "manual"]
    id: str
    name: str
    """For people to read."""


class MemberRef(msgspec.Struct, frozen=True, kw_only=True):
    """Who an event or audit entry is about, complete enough to act without a look-up."""

    member_id: str
    product_id: str | None = None
    """The product's own id of the person, where it told us."""
    external_ids: tuple[str, ...] = ()
    """The IdP's ids of the person, sorted, as `directory id/external id`."""
    email: str | None = None
    display_name: str = ""
