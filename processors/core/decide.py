"""Every kind of change on one screen, and who decides it."""

from datetime import datetime
from typing import assert_never

from processors.core import (
    connection,
    directory,
    domains,
    explain,
    membership,
    replacing,
    scim_answers,
    scim_groups,
    scim_users,
    settings,
)
from processors.core.draft import Decision, Draft, UndecidableError
from processors.core.overlay import StateReader
from schemas import state
from schemas.access import Because
from schemas.changes import (
    AnyChange,
    AnyReportedChange,
    DirectoryDeleted,
    DirectoryNoted,
    DirectoryStateReported,
    DomainsReported,
    GroupDeleted,
    GroupReported,
    MembershipAdded,
    MembershipRemoved,
    ReportedChange,
    UserDeleted,
    UserReported,
)
from schemas.origin import DirectoryChange, Stamp
from schemas.scim import (
    AnyScimChange,
    ScimChange,
    ScimGroupChange,
    ScimGroupChanged,
    ScimGroupCreated,
    ScimGroupDeleted,
    ScimMembersChanged,
    ScimUserChanged,
    ScimUserCreated,
    ScimUserDeleted,
    is_removal,
)
from schemas.state import Directory, DirectoryGroup, DirectoryUser
from schemas.work import Trigger


def decide(  # noqa: C901, PLR0911 # one arm a kind of change is the point
    below: StateReader, change: AnyChange, now: datetime
) -> Decision:
    """What follows from a change that is decided at `now`, by our clock.

    Deciding the same change twice has no second effect.

    Raises:
        UndecidableError: the change speaks of a tenant or directory that does not exist here.
    """
    draft = Draft(below, change.tenant_id, _trigger(below, change), now)
    if isinstance(change, ReportedChange) and (over := replacing.ignored(draft, change)):
        return over
    match change:
        case UserReported():
            return directory.user_reported(draft, change)
        case UserDeleted():
            return directory.user_deleted(draft, change)
        case GroupReported():
            return directory.group_reported(draft, change)
        case GroupDeleted():
            return directory.group_deleted(draft, change)
        case MembershipAdded() | MembershipRemoved():
            return membership.membership_changed(draft, change)
        case DirectoryStateReported():
            return connection.state_reported(draft, change)
        case DirectoryDeleted():
            return connection.directory_deleted(draft, change)
        case DirectoryNoted():
            return connection.noted(draft, change)
        case DomainsReported():
            return domains.reported(draft, change)
        case ScimChange():
            return _scim(draft, change)
        case _:
            return settings.decide(draft, change)


def _scim(  # noqa: PLR0911 # one arm a kind of change
    draft: Draft, change: AnyScimChange
) -> Decision:
    found = draft.directory(change.directory_id)
    if found.deleted_at is not None:
        detail = f"The directory {found.name} was disconnected."
        subject = f"directory/{change.directory_id}"
        return scim_answers.refused(draft, change, "disconnected", detail, subject)
    if _was_applied(draft, change):
        return Decision(outcome="repeat")
    match change:
        case ScimUserCreated():
            return scim_users.created(draft, change)
        case ScimUserChanged():
            return scim_users.changed(draft, change)
        case ScimUserDeleted():
            return scim_users.deleted(draft, change)
        case ScimGroupCreated():
            return scim_groups.created(draft, change)
        case ScimGroupChanged():
            return scim_groups.changed(draft, change)
        case ScimGroupDeleted():
            return scim_groups.deleted(draft, change)
        case ScimMembersChanged():
            return scim_groups.members_changed(draft, change)
        case _:
            assert_never(change)


def _was_applied(draft: Draft, change: AnyScimChange) -> bool:
    """Whether this very change made the newest state of what it is about."""
    where = draft.tenant_id, change.directory_id
    stamps: list[Stamp | None] = []
    if isinstance(change, ScimGroupChange):
        if (
            group := draft.get(state.group_key(*where, change.group_id), DirectoryGroup)
        ) is not None:
            stamps = [group.stamp, group.members_at]
    elif (user := draft.get(state.user_key(*where, change.user_id), DirectoryUser)) is not None:
        stamps = [user.stamp]
    return any(stamp is not None and stamp.event_id == change.change_id for stamp in stamps)


def _trigger(below: StateReader, change: AnyChange) -> Trigger:
    """Who asked, when, and in which words it explains what follows."""
    if not isinstance(change, DirectoryChange):
        return Trigger(
            cause=change.change_id,
            recorded_at=change.recorded_at,
            occurred_at=change.recorded_at,
            actor="admin-api",
            phrase="the admin API asked for it",
            because=Because(kind="admin", id="admin-api", name="the admin API"),
        )
    place = state.directory_key(change.tenant_id, change.directory_id)
    found = below.get(place, Directory)
    if found is None:
        raise UndecidableError(
            f"no directory {change.directory_id} in tenant {change.tenant_id}:"
            " create it, then replay"
        )
    if isinstance(change, ScimChange) and found.kind != "scim":
        raise UndecidableError(f"{change.directory_id} is no SCIM directory")
    phrase, because = _words(below, change, found)
    return Trigger(
        cause=change.change_id,
        recorded_at=change.recorded_at,
        occurred_at=change.recorded_at if isinstance(change, ScimChange) else change.stamp.at,
        actor=f"directory/{change.directory_id}",
        directory_id=change.directory_id,
        phrase=phrase,
        because=because,
    )


def _words(  # noqa: PLR0911 # one arm a phrase
    below: StateReader, change: AnyReportedChange | AnyScimChange, found: Directory
) -> tuple[str, Because]:
    idp = explain.idp(found)
    told = Because(kind="directory", id=change.directory_id, name=found.name)
    match change:
        case UserReported():
            return f"{idp} {'reported' if change.user.active else 'deactivated'} them", told
        case ScimUserCreated() | ScimUserChanged():
            return f"{idp} {'deactivated' if is_removal(change) else 'reported'} them", told
        case UserDeleted() | ScimUserDeleted():
            return f"{idp} deleted them", told
        case GroupReported() | GroupDeleted():
            return f"{idp} changed the group", told
        case ScimGroupCreated() | ScimGroupChanged() | ScimGroupDeleted():
            return f"{idp} changed the group", told
        case DirectoryDeleted():
            return f"the directory {found.name} was deleted", told
        case DirectoryStateReported() | DirectoryNoted() | DomainsReported():
            return f"{idp} reported it", told
        case MembershipAdded() | MembershipRemoved() | ScimMembersChanged():
            place = state.group_key(change.tenant_id, change.directory_id, change.group_id)
            group = below.get(place, DirectoryGroup)
            name = (group.name if group else "") or change.group_id
            removes = isinstance(change, MembershipRemoved) or (
                isinstance(change, ScimMembersChanged) and is_removal(change)
            )
            phrase = f"removed them from {name}" if removes else f"added them to {name}"
            return f"{idp} {phrase}", Because(kind="group", id=change.group_id, name=name)
        case _:
            assert_never(change)
