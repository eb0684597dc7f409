"""State records of what administrators set, and of what the tenant's policy goes by."""

from datetime import datetime

import msgspec

from schemas.access import WorkspaceGrant
from schemas.manual import Proof
from schemas.policy import Breaker, HoldReason, Linked, OwnAttribute, SoleAdmin
from schemas.state import State, key


class Tenant(State, frozen=True, kw_only=True):
    """A customer, its policy and its ranks."""

    name: str
    default_role: str | None = None
    ranks: dict[str, int] = msgspec.field(default_factory=dict)
    """Rank by role slug; the highest wins."""
    admin_roles: tuple[str, ...] = ()
    sole_admin: SoleAdmin = "allow"
    breaker: Breaker = "off"
    linked: Linked = "directory"
    own_attributes: tuple[OwnAttribute, ...] = ()
    kept_as_sent: tuple[str, ...] = ()
    """Names of attributes whose values are never replaced by a hash."""


class Workspace(State, frozen=True, kw_only=True):
    """A workspace that mappings can grant."""

    name: str


class Mapping(State, frozen=True, kw_only=True):
    """What a directory group grants."""

    role: str | None = None
    workspaces: tuple[WorkspaceGrant, ...] = ()


class Token(State, frozen=True, kw_only=True):
    """A token with which an IdP writes to a SCIM directory; stays when it is revoked."""

    sha256: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class Domain(State, frozen=True, kw_only=True):
    """A domain of email addresses is the tenant's own."""

    proof: Proof


class Admin(State, frozen=True, kw_only=True):
    """A member was told to be an administrator; whether the role still is one says the tenant."""


class Held(State, frozen=True, kw_only=True):
    """Something of a member is on hold."""


class Headcount(State, frozen=True, kw_only=True):
    """How many people of the tenant have access, and who lost it of late."""

    with_access: int = 0
    lost: tuple[datetime, ...] = ()
    """When the last of them lost all access, or were to lose it and the breaker held it.

    At most one more than `limits.BREAKER_PEOPLE`.
    """


def tenant_key(tenant_id: str) -> bytes:
    """Where a Tenant stands."""
    return key("tenant", tenant_id)


def workspace_key(tenant_id: str, slug: str) -> bytes:
    """Where a Workspace stands."""
    return key("workspace", tenant_id, slug)


def mapping_key(tenant_id: str, directory_id: str, group_id: str) -> bytes:
    """Where a Mapping stands."""
    return key("mapping", tenant_id, directory_id, group_id)


def domain_key(tenant_id: str, domain: str) -> bytes:
    """Where a Domain stands; `domain` is in the form in which names are compared."""
    return key("domain", tenant_id, domain)


def admin_key(tenant_id: str, member_id: str) -> bytes:
    """Where an Admin stands."""
    return key("admin", tenant_id, member_id)


def held_key(tenant_id: str, reason: HoldReason, member_id: str) -> bytes:
    """Where a Held stands."""
    return key("held", tenant_id, reason, member_id)


def headcount_key(tenant_id: str) -> bytes:
    """Where a Headcount stands."""
    return key("headcount", tenant_id)


def token_key(tenant_id: str, directory_id: str, token_id: str) -> bytes:
    """Where a Token stands."""
    return key("token", tenant_id, directory_id, token_id)
