"""Changes: verified inbound messages on the two lanes, which may still be refused."""

from datetime import datetime
from typing import Literal

import msgspec

from schemas.access import WorkspaceGrant

Attribute = str | int | float | bool
Provider = Literal["okta", "entra", "onelogin", "jumpcloud", "google", "pingone", "generic"]
OnDisconnect = Literal["keep", "deactivate"]
"""What a directory's end means for its people (access-rules §5).

`keep`: they keep the access that they have, and no directory speaks for them any more.
"""
Note = Literal["token_created", "token_revoked", "unknown_event"]


class Stamp(msgspec.Struct, frozen=True, order=True):
    """When something happened at WorkOS.

    Ties go by event id (DESIGN §5, Order).  Never compared with our clock.
    """

    at: datetime
    event_id: str


class Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every change carries."""

    change_id: str
    """uuid5 of the sender's event id, so that a repeated delivery is the same change."""
    tenant_id: str
    recorded_at: datetime
    """When it arrived at the door, by the gateway's clock."""
    reply: bool = False
    """Somebody waits for the outcome: settle it with a ChangeSettled event."""


class DirectoryChange(Change, frozen=True, kw_only=True):
    """A change that an IdP reported through a directory."""

    directory_id: str
    stamp: Stamp


class ReportedUser(msgspec.Struct, frozen=True, kw_only=True):
    """A directory user as the IdP reports it, reduced to the attributes that are kept."""

    user_id: str
    """The directory user's id at WorkOS; changes when a deleted person returns."""
    idp_id: str
    """The person's id at the IdP: with the directory it is the identity (access-rules §1)."""
    active: bool
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    user_name: str | None = None
    attributes: dict[str, Attribute] = {}


class UserReported(DirectoryChange, frozen=True, kw_only=True, tag="user_reported"):
    """A user was created or updated; inactive ones travel the urgent lane."""

    user: ReportedUser


class UserDeleted(DirectoryChange, frozen=True, kw_only=True, tag="user_deleted"):
    """A user is gone from the directory."""

    user_id: str


class GroupReported(DirectoryChange, frozen=True, kw_only=True, tag="group_reported"):
    """A group was created or updated."""

    group_id: str
    name: str
    idp_id: str | None = None


class GroupDeleted(DirectoryChange, frozen=True, kw_only=True, tag="group_deleted"):
    """A group is gone, and with it all its memberships; no removals follow (idp-facts §1.2)."""

    group_id: str


class MembershipAdded(DirectoryChange, frozen=True, kw_only=True, tag="membership_added"):
    """A user joined a group."""

    group_id: str
    user_id: str


class MembershipRemoved(DirectoryChange, frozen=True, kw_only=True, tag="membership_removed"):
    """A user left a group."""

    group_id: str
    user_id: str


class DirectoryStateReported(DirectoryChange, frozen=True, kw_only=True, tag="directory_state"):
    """A directory is connected to its IdP, or no longer; nobody's access moves by it."""

    connected: bool


class DirectoryDeleted(DirectoryChange, frozen=True, kw_only=True, tag="directory_deleted"):
    """A directory is gone with all its users and groups; nothing else follows (idp-facts §1.2)."""


class DirectoryNoted(DirectoryChange, frozen=True, kw_only=True, tag="directory_noted"):
    """Something that changes nothing here, and that the audit log of the tenant shall tell."""

    note: Note
    detail: str
    """The end of the token, or the type of the event."""


class CreateTenant(Change, frozen=True, kw_only=True, tag="create_tenant"):
    """Open a tenant; refused when its id is taken by one of another name."""

    name: str


class SetRole(Change, frozen=True, kw_only=True, tag="set_role"):
    """Make a role or change it; members are ranked anew."""

    slug: str
    rank: int
    """The highest rank among a member's roles wins."""
    is_admin: bool = False
    is_default: bool = False
    """The role of active people in no mapped group; without such a role they get no access."""


class CreateWorkspace(Change, frozen=True, kw_only=True, tag="create_workspace"):
    """Make a workspace that mappings can grant."""

    slug: str
    name: str


class CreateDirectory(Change, frozen=True, kw_only=True, tag="create_directory"):
    """Give a WorkOS directory to the tenant."""

    directory_id: str
    name: str
    provider: Provider = "generic"
    kind: Literal["workos"] = "workos"


class SetDirectory(Change, frozen=True, kw_only=True, tag="set_directory"):
    """Say what the end of a directory means for its people."""

    directory_id: str
    on_disconnect: OnDisconnect


class SetMapping(Change, frozen=True, kw_only=True, tag="set_mapping"):
    """Say what a directory group grants.

    Its members are evaluated anew.  Neither role nor workspaces: nothing.
    """

    directory_id: str
    group_id: str
    role: str | None = None
    workspaces: tuple[WorkspaceGrant, ...] = ()


class DropDeadLetter(Change, frozen=True, kw_only=True, tag="drop_dead_letter"):
    """Give up a message that could not be decided; what waits behind it may go on."""

    letter_id: str
    entity: str
    """What the letter is about (`schemas.entities`)."""


AnyDirectoryChange = (
    UserReported
    | UserDeleted
    | GroupReported
    | GroupDeleted
    | MembershipAdded
    | MembershipRemoved
    | DirectoryStateReported
    | DirectoryDeleted
    | DirectoryNoted
)
AnySettingsChange = (
    CreateTenant | SetRole | CreateWorkspace | CreateDirectory | SetDirectory | SetMapping
)
AnyChange = AnyDirectoryChange | AnySettingsChange | DropDeadLetter


class Page(Change, frozen=True, kw_only=True, tag="page"):
    """What a bulk publisher reports at once (DESIGN §3); each change in it is decided by itself.

    Up to `limits.PAGE_CHANGES` of one tenant, none of which is urgent.  A page of which one change
    does not decode is a dead letter as a whole.  Outcomes are those of its changes: nothing answers
    who waits for a page.
    """

    changes: tuple[UserReported | GroupReported | MembershipAdded, ...]


Inbound = AnyChange | Page
"""What stands on the lanes."""


def is_urgent(change: Inbound) -> bool:
    """Whether it takes away.

    Deactivations, deletions and removals take the urgent lane (DESIGN §3).
    """
    match change:
        case UserReported():
            return not change.user.active
        case UserDeleted() | GroupDeleted() | MembershipRemoved() | DirectoryDeleted():
            return True
        case _:
            return False
