"""Events: past-tense facts that the processors publish, which nobody may refuse."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from schemas.access import Access, Because, LostBecause, MemberRef, WorkspaceGrant
from schemas.changes import Attribute, OnDisconnect, Provider


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event carries."""

    event_id: str
    """uuid5 of the cause; stands in the log once."""
    tenant_id: str
    cause: str
    """Id of the change that led to it."""
    recorded_at: datetime
    """When that change arrived at the door."""


# --- directory-events: what became of each change


class UserRecorded(Event, frozen=True, kw_only=True, tag="user_recorded"):
    """A directory user now stands as this."""

    directory_id: str
    user_id: str
    idp_id: str
    active: bool
    deleted: bool
    member_id: str | None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    user_name: str | None = None
    attributes: dict[str, Attribute] = {}


class GroupRecorded(Event, frozen=True, kw_only=True, tag="group_recorded"):
    """A directory group now stands as this."""

    directory_id: str
    group_id: str
    name: str
    deleted: bool


class MembershipRecorded(Event, frozen=True, kw_only=True, tag="membership_recorded"):
    """A user is, or is no longer, in a group."""

    directory_id: str
    group_id: str
    user_id: str
    present: bool


class TenantRecorded(Event, frozen=True, kw_only=True, tag="tenant_recorded"):
    """A tenant now stands as this."""

    name: str
    default_role: str | None


class RoleRecorded(Event, frozen=True, kw_only=True, tag="role_recorded"):
    """A role of the tenant now stands as this."""

    slug: str
    rank: int
    is_admin: bool


class WorkspaceRecorded(Event, frozen=True, kw_only=True, tag="workspace_recorded"):
    """A workspace of the tenant now stands as this."""

    slug: str
    name: str


class DirectoryRecorded(Event, frozen=True, kw_only=True, tag="directory_recorded"):
    """A directory of the tenant now stands as this."""

    directory_id: str
    name: str
    provider: Provider
    kind: Literal["workos"]
    connected: bool
    on_disconnect: OnDisconnect


class MappingRecorded(Event, frozen=True, kw_only=True, tag="mapping_recorded"):
    """A group now grants this; neither role nor workspaces: nothing."""

    directory_id: str
    group_id: str
    role: str | None
    workspaces: tuple[WorkspaceGrant, ...]


class ChangeSettled(Event, frozen=True, kw_only=True, tag="change_settled"):
    """The outcome of a change that somebody waits for; last of its change's directory events."""

    status: int
    """The HTTP status to answer with."""
    body: dict[str, Any]
    """The JSON object to answer with."""


DirectoryEvent = (
    UserRecorded
    | GroupRecorded
    | MembershipRecorded
    | TenantRecorded
    | RoleRecorded
    | WorkspaceRecorded
    | DirectoryRecorded
    | MappingRecorded
    | ChangeSettled
)

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
    """One decision that changed, refused or ignored something."""

    decision: Literal["changed", "refused", "ignored"]
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
