"""What a reader of the output topics knows in the end: the fold of everything that it was told."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from schemas import events, recorded
from schemas.access import NO_ACCESS, Access, MemberRef
from schemas.codec import Output
from schemas.origin import Attribute


class Known(msgspec.Struct, frozen=True):
    """A member as the product knows them from access events."""

    revision: int = 0
    access: Access = NO_ACCESS
    ref: MemberRef = MemberRef(member_id="")
    attributes: dict[str, Attribute] = {}


def members(outputs: Iterable[Output]) -> dict[str, Known]:
    """By member id, in the end."""
    known: dict[str, Known] = {}
    for told in as_told(outputs):
        known = told
    return known


def as_told(outputs: Iterable[Output]) -> Iterator[dict[str, Known]]:
    """By member id, after each event; fails where a revision is missing or out of order."""
    known: dict[str, Known] = {}
    for event in outputs:
        if isinstance(event, events.AccessEvent):
            before = known.get(event.member.member_id, Known())
            assert event.revision == before.revision + 1, "revisions count access events"
            known[event.member.member_id] = _after(before, event)
            yield known


def deprovisioned(outputs: Iterable[Output]) -> set[str]:
    """Ids of the members that deprovisions-v1 leaves cut off; its two events take turns."""
    cut_off: set[str] = set()
    for event in outputs:
        match event:
            case events.PersonDeprovisioned():
                assert event.member.member_id not in cut_off, "cut off twice"
                cut_off.add(event.member.member_id)
            case events.PersonRestored():
                assert event.member.member_id in cut_off, "restored, but never cut off"
                cut_off.remove(event.member.member_id)
            case _:
                pass
    return cut_off


def active_users(outputs: Iterable[Output]) -> set[tuple[str, str]]:
    """(directory, user id), as directory-events say."""
    last = {(e.directory_id, e.user_id): e for e in outputs if isinstance(e, recorded.UserRecorded)}
    return {place for place, event in last.items() if event.active and not event.deleted}


def groups(outputs: Iterable[Output]) -> dict[tuple[str, str], str]:
    """Names of the groups that are there, as directory-events say."""
    last = {
        (e.directory_id, e.group_id): e for e in outputs if isinstance(e, recorded.GroupRecorded)
    }
    return {place: event.name for place, event in last.items() if not event.deleted}


def memberships(outputs: Iterable[Output]) -> set[tuple[str, str, str]]:
    """(directory, group id, user id), as directory-events say."""
    told = [event for event in outputs if isinstance(event, recorded.MembershipRecorded)]
    last = {(event.directory_id, event.group_id, event.user_id): event.present for event in told}
    return {place for place, present in last.items() if present}


def directories(outputs: Iterable[Output]) -> dict[str, recorded.DirectoryRecorded]:
    """What directory-events said last of each."""
    return {e.directory_id: e for e in outputs if isinstance(e, recorded.DirectoryRecorded)}


def _after(before: Known, event: events.AccessEvent) -> Known:
    now = replace(before, revision=event.revision, ref=event.member)
    match event:
        case events.MemberProvisioned():
            return replace(now, access=event.access, attributes=event.attributes)
        case events.MemberReactivated():
            return replace(now, access=event.access)
        case events.MemberProfileChanged():
            return replace(now, attributes=event.attributes)
        case events.MemberDeactivated():
            assert event.access_before == before.access
            return replace(now, access=NO_ACCESS)
        case events.MemberRoleChanged():
            assert event.role_from == before.access.role
            return replace(now, access=_access(before, role=event.role_to))
        case events.MemberWorkspacesChanged():
            assert event.workspaces_from == before.access.workspaces
            return replace(now, access=_access(before, workspaces=event.workspaces_to))


def _access(before: Known, **fields: object) -> Access:
    return replace(before.access, **fields)
