"""Changes: verified inbound messages on the two lanes, which may still be refused."""

import msgspec

from schemas.origin import (
    Attribute,
    Change,
    DirectoryChange,
    Note,
    Stamp,
)
from schemas.scim import AnyScimChange, ScimChange, is_removal
from schemas.settings_changes import (
    AnySettingsChange,
    DisconnectDirectory,
    RemoveProductMember,
    RevokeToken,
    SetProductMember,
)


class ReportedChange(DirectoryChange, frozen=True, kw_only=True):
    """A change that WorkOS reported."""

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


class UserReported(ReportedChange, frozen=True, kw_only=True, tag="user_reported"):
    """A user was created or updated; inactive ones travel the urgent lane."""

    user: ReportedUser
    redacted: tuple[str, ...] = ()
    """Names of attributes whose value looked like a secret number and was replaced by its hash."""


class UserDeleted(ReportedChange, frozen=True, kw_only=True, tag="user_deleted"):
    """A user is gone from the directory."""

    user_id: str


class GroupReported(ReportedChange, frozen=True, kw_only=True, tag="group_reported"):
    """A group was created or updated."""

    group_id: str
    name: str
    idp_id: str | None = None


class GroupDeleted(ReportedChange, frozen=True, kw_only=True, tag="group_deleted"):
    """A group is gone, and with it all its memberships; no removals follow (idp-facts §1.2)."""

    group_id: str


class MembershipAdded(ReportedChange, frozen=True, kw_only=True, tag="membership_added"):
    """A user joined a group."""

    group_id: str
    user_id: str


class MembershipRemoved(ReportedChange, frozen=True, kw_only=True, tag="membership_removed"):
    """A user left a group."""

    group_id: str
    user_id: str


class DirectoryStateReported(ReportedChange, frozen=True, kw_only=True, tag="directory_state"):
    """A directory is connected to its IdP, or no longer; nobody's access moves by it."""

    connected: bool


class DirectoryDeleted(ReportedChange, frozen=True, kw_only=True, tag="directory_deleted"):
    """A directory is gone with all its users and groups; nothing else follows (idp-facts §1.2)."""


class DomainsReported(ReportedChange, frozen=True, kw_only=True, tag="domains_reported"):
    """WorkOS verified that these domains are the organization's."""

    domains: tuple[str, ...]


class DirectoryNoted(ReportedChange, frozen=True, kw_only=True, tag="directory_noted"):
    """Something that changes nothing here, and that the audit log of the tenant shall tell."""

    note: Note
    detail: str
    """The end of the token, or the type of the event."""


class DropDeadLetter(Change, frozen=True, kw_only=True, tag="drop_dead_letter"):
    """Give up a message that could not be decided; what waits behind it may go on."""

    letter_id: str
    entity: str
    """What the letter is about (`schemas.entities`)."""


AnyReportedChange = (
    UserReported
    | UserDeleted
    | GroupReported
    | GroupDeleted
    | MembershipAdded
    | MembershipRemoved
    | DirectoryStateReported
    | DirectoryDeleted
    | DomainsReported
    | DirectoryNoted
)
AnyDirectoryChange = AnyReportedChange | AnyScimChange
AnyChange = AnyDirectoryChange | AnySettingsChange | DropDeadLetter


class Page(Change, frozen=True, kw_only=True, tag="page"):
    """What a bulk publisher reports at once (DESIGN §3); each change in it is decided by itself.

    Up to `limits.PAGE_CHANGES` of one tenant, none of which is urgent.  A page of which one change
    does not decode is a dead letter as a whole.  Outcomes are those of its changes: nothing answers
    who waits for a page.
    """

    changes: tuple[UserReported | GroupReported | MembershipAdded | SetProductMember, ...]


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
        case DisconnectDirectory() | RevokeToken() | RemoveProductMember():
            return True
        case SetProductMember():
            return change.manual.standing != "active"
        case ScimChange():
            return is_removal(change)
        case _:
            return False
