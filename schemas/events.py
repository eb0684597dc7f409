"""Events: past-tense facts that the processors publish, which nobody may refuse."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from schemas.access import Access, Because, LostBecause, MemberRef, WorkspaceGrant
from schemas.origin import Attribute


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event carries."""

    event_id: str
    """uuid5 of the cause; stands in the log once."""
    tenant_id: str
    cause: str
    """Id of the change that led to it."""
    recorded_at: datetime
    """When that change arrived at the door."""


# --- access-events-v1: a member's life, for the product


class MemberEvent(Event, frozen=True, kw_only=True):
    """What every event about a member carries (access-rules §6)."""

    member: MemberRef
    directory_id: str | None
    """The directory that caused it, None for a change through the admin API."""
    occurred_at: datetime
    """When it happened at the IdP, by the IdP's clock."""
    revision: int
    """Grows by one with each access event of the member."""
    because: Because
    sentence: str
    """One sentence for people."""


class MemberProvisioned(MemberEvent, frozen=True, kw_only=True, tag="member_provisioned"):
    """A person has access for the first time."""

    access: Access
    attributes: dict[str, Attribute]


class MemberProfileChanged(MemberEvent, frozen=True, kw_only=True, tag="member_profile_changed"):
    """Name, email or attributes are new; `member` holds the new ones."""

    attributes: dict[str, Attribute]


class MemberRoleChanged(MemberEvent, frozen=True, kw_only=True, tag="member_role_changed"):
    """The role went from one to another; members keep their access."""

    role_from: str | None
    role_to: str | None


class MemberWorkspacesChanged(
    MemberEvent, frozen=True, kw_only=True, tag="member_workspaces_changed"
):
    """Workspaces came, went, or changed their role."""

    workspaces_from: tuple[WorkspaceGrant, ...]
    workspaces_to: tuple[WorkspaceGrant, ...]


class MemberDeactivated(MemberEvent, frozen=True, kw_only=True, tag="member_deactivated"):
    """A person lost all access."""

    reason: LostBecause
    access_before: Access


class MemberReactivated(MemberEvent, frozen=True, kw_only=True, tag="member_reactivated"):
    """A person who had lost access has it again, as the mapping says now."""

    access: Access


AccessEvent = (
    MemberProvisioned
    | MemberProfileChanged
    | MemberRoleChanged
    | MemberWorkspacesChanged
    | MemberDeactivated
    | MemberReactivated
)

# --- deprovisions-v1: for services that only cut off


class PersonDeprovisioned(MemberEvent, frozen=True, kw_only=True, tag="person_deprovisioned"):
    """Somebody who had access has none; never sent for a person who had none."""

    reason: LostBecause
    access_before: Access


class PersonRestored(MemberEvent, frozen=True, kw_only=True, tag="person_restored"):
    """Somebody who was deprovisioned has access again."""

    access: Access


DeprovisionEvent = PersonDeprovisioned | PersonRestored

# --- audit-entries

OPERATOR_TENANT: Final = "_rollcall"
"""Whose audit log tells what operators did to the installation; no customer's id begins so."""


class AuditEntry(Event, frozen=True, kw_only=True, tag="audit_entry"):
    """One decision that changed, refused, held or ignored something."""

    decision: Literal["changed", "refused", "held", "ignored"]
    subject: str
    """What it is about.

    `member/…`, `directory_user/…`, `directory_group/…`, `tenant/…` and the like.
    """
    actor: str
    """Who asked: `directory/…`, `admin-api` or `operator`."""
    occurred_at: datetime
    because: Because
    sentence: str
    member: MemberRef | None = None
    access_from: Access | None = None
    """Applied access before, where the decision moved it."""
    access_to: Access | None = None
