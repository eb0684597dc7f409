"""Directory events: what became of each change, for the read models."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from schemas.access import Access, WorkspaceGrant
from schemas.events import Event
from schemas.manual import ManualStanding, Proof
from schemas.origin import Attribute, Kind, Mode, OnDisconnect, Provider
from schemas.policy import Breaker, HoldReason, Linked, OwnAttribute, SoleAdmin
from schemas.scim import Document

WarningKind = Literal["unknown_member", "ignored_attribute"]


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
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
    user_name_key: str | None = None
    """The userName in the form in which names are compared; None of what WorkOS reports."""
    external_id: str | None = None
    """The externalId that a SCIM client gave."""
    resource: Document = msgspec.field(default_factory=dict)
    """The whole SCIM resource, as sent; empty for what WorkOS reports."""
    revision: int
    """`schemas.scim_state.revision_of` the newest change: SCIM's version and lastModified."""
    created_at: datetime
    leaving: bool = False
    """The IdP wants this person gone, and a policy holds it back."""


class GroupRecorded(Event, frozen=True, kw_only=True, tag="group_recorded"):
    """A directory group now stands as this."""

    directory_id: str
    group_id: str
    name: str
    deleted: bool
    external_id: str | None = None
    resource: Document = msgspec.field(default_factory=dict)
    """The SCIM resource without members; empty for what WorkOS reports."""
    revision: int
    created_at: datetime


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
    sole_admin: SoleAdmin
    breaker: Breaker
    linked: Linked
    own_attributes: tuple[OwnAttribute, ...]
    kept_as_sent: tuple[str, ...]


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
    kind: Kind
    mode: Mode
    connected: bool
    on_disconnect: OnDisconnect
    ended_at: datetime | None = None
    """When it was disconnected or deleted; nothing of it is there any more."""
    replaces: str | None = None
    replaced_by: str | None = None


class MappingRecorded(Event, frozen=True, kw_only=True, tag="mapping_recorded"):
    """A group now grants this; neither role nor workspaces: nothing."""

    directory_id: str
    group_id: str
    role: str | None
    workspaces: tuple[WorkspaceGrant, ...]


class TokenRecorded(Event, frozen=True, kw_only=True, tag="token_recorded"):
    """A token of a SCIM directory now stands as this."""

    directory_id: str
    token_id: str
    sha256: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class HoldRecorded(Event, frozen=True, kw_only=True, tag="hold_recorded"):
    """A member's applied access lags behind what is desired, or no longer (reason None)."""

    member_id: str
    display_name: str
    reason: HoldReason | None
    discarded: bool
    desired: Access
    rivals: tuple[str, ...] = ()
    """Members of whom the person may be one; the member on hold is none yet."""


class ManualRecorded(Event, frozen=True, kw_only=True, tag="manual_recorded"):
    """The product says this of a member."""

    member_id: str
    product_id: str | None
    standing: ManualStanding
    role: str | None
    workspaces: tuple[WorkspaceGrant, ...]
    email: str | None
    display_name: str
    external_id: str | None
    joined_at: datetime | None
    protected: bool


class DomainRecorded(Event, frozen=True, kw_only=True, tag="domain_recorded"):
    """A domain is the tenant's own, or no longer (proof None)."""

    domain: str
    proof: Proof | None


class WarningRecorded(Event, frozen=True, kw_only=True, tag="warning_recorded"):
    """Something of a directory that its administrators should know; told once."""

    directory_id: str
    kind: WarningKind
    what: str
    """Name of the attribute, or id of the group."""


class ChangeSettled(Event, frozen=True, kw_only=True, tag="change_settled"):
    """The outcome of a change that somebody waits for; last of its change's directory events."""

    status: int
    """The HTTP status to answer with."""
    body: dict[str, Any]
    """The JSON object to answer with."""
    directory_id: str | None = None
    """The SCIM directory that the change was about."""
    revision: int = 0
    """Everything that was decided of that directory up to here is told before this event."""


DirectoryEvent = (
    UserRecorded
    | GroupRecorded
    | MembershipRecorded
    | TenantRecorded
    | RoleRecorded
    | WorkspaceRecorded
    | DirectoryRecorded
    | MappingRecorded
    | TokenRecorded
    | HoldRecorded
    | ManualRecorded
    | DomainRecorded
    | WarningRecorded
    | ChangeSettled
)
