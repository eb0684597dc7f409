"""Changes that an IdP makes through our own SCIM 2.0 server, as deltas against what it had read.

Each carries the revision of its directory at which the gateway had read what it is about.  What
changed since refuses it, so a message that comes late undoes nothing (DESIGN §5, Order).
"""

from typing import Any

from schemas.origin import DirectoryChange

Document = dict[str, Any]
"""A SCIM resource as JSON: attributes by their names, an extension's below its URN.

Without what the server adds: `id`, `meta`, `schemas`, `members`, `groups`.
"""


class ScimChange(DirectoryChange, frozen=True, kw_only=True):
    """A change of one resource; decided when nothing newer than `base` is known of it."""

    base: int
    """Revision of the directory as it was read; see `schemas.scim_state.revision_of`."""


class ScimUserChange(ScimChange, frozen=True, kw_only=True):
    """A change of one user."""

    user_id: str
    """The SCIM id, made by us."""


class ScimUserWritten(ScimUserChange, frozen=True, kw_only=True):
    """A change that writes attributes."""

    redacted: tuple[str, ...] = ()
    """Names of attributes whose value looked like a secret number and was replaced by its hash."""
    ignored: tuple[str, ...] = ()
    """Names of attributes that were sent and are not kept."""


class ScimUserCreated(ScimUserWritten, frozen=True, kw_only=True, tag="scim_user_created"):
    """A POST of a user, or of somebody inactive who returns."""

    resource: Document


class ScimUserChanged(ScimUserWritten, frozen=True, kw_only=True, tag="scim_user_changed"):
    """A PUT or PATCH of a user, reduced to what differs; a deactivation travels the urgent lane."""

    changed: Document
    """New values of top-level attributes; None: no longer assigned."""


class ScimUserDeleted(ScimUserChange, frozen=True, kw_only=True, tag="scim_user_deleted"):
    """A DELETE of a user."""


class ScimGroupChange(ScimChange, frozen=True, kw_only=True):
    """A change of one group."""

    group_id: str
    """The SCIM id, made by us."""
    exact: bool = False
    """The client named a version (If-Match): any newer change of the group refuses it."""


class ScimGroupCreated(ScimGroupChange, frozen=True, kw_only=True, tag="scim_group_created"):
    """A POST of a group; its members follow as changes of their own."""

    resource: Document


class ScimGroupChanged(ScimGroupChange, frozen=True, kw_only=True, tag="scim_group_changed"):
    """A PUT or PATCH of a group's own attributes, reduced to what differs."""

    changed: Document
    closes: bool = False
    """All members are about to be replaced: whoever was to be added before this counts no more."""


class ScimGroupDeleted(ScimGroupChange, frozen=True, kw_only=True, tag="scim_group_deleted"):
    """A DELETE of a group, and with it of all its memberships."""


class ScimMembersChanged(ScimGroupChange, frozen=True, kw_only=True, tag="scim_members_changed"):
    """Members added or removed, never both; at most `limits.PAGE_CHANGES` of them."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


AnyScimChange = (
    ScimUserCreated
    | ScimUserChanged
    | ScimUserDeleted
    | ScimGroupCreated
    | ScimGroupChanged
    | ScimGroupDeleted
    | ScimMembersChanged
)


def is_removal(change: AnyScimChange) -> bool:
    """Whether it takes away, and so takes the urgent lane."""
    match change:
        case ScimUserChanged():
            return change.changed.get("active") is False
        case ScimMembersChanged():
            return bool(change.removed)
        case _:
            return isinstance(change, ScimUserDeleted | ScimGroupDeleted)
