"""Memberships: one edge a (group, user), ordered by its own events and by nothing else.

WorkOS does not move a user's `updated_at` with a membership (idp-facts §1.2), and an edge may come
before its user or group: it is kept, and counts when they are known.
"""

from datetime import UTC, datetime

from processors.core import members, presence
from processors.core.draft import Decision, Draft
from schemas import settings_state, state
from schemas.changes import MembershipAdded, MembershipRemoved
from schemas.origin import Stamp
from schemas.recorded import MembershipRecorded
from schemas.settings_state import Mapping
from schemas.state import Directory, DirectoryGroup, DirectoryUser, Edge, UserKey

_NEVER = Stamp(datetime.min.replace(tzinfo=UTC), "")


def membership_changed(draft: Draft, change: MembershipAdded | MembershipRemoved) -> Decision:
    """A user joined or left a group."""
    tenant_id, directory_id = draft.tenant_id, change.directory_id
    group_id, user_id = change.group_id, change.user_id
    place = state.edge_of_user_key(tenant_id, directory_id, user_id, group_id)
    known = draft.get(place, Edge)
    user = draft.get(state.user_key(tenant_id, directory_id, user_id), DirectoryUser)
    group = draft.get(state.group_key(tenant_id, directory_id, group_id), DirectoryGroup)
    subject = f"membership/{group_id}/{user_id}"
    if known is not None and known.stamp == change.stamp:
        return Decision(outcome="repeat")
    if change.stamp <= _newest(known, user, group):
        return draft.ignore_late(subject, f"an older change of {user_id} in {group_id}")
    edge = Edge(stamp=change.stamp, present=isinstance(change, MembershipAdded))
    if not record(draft, UserKey(directory_id, user_id), group_id, edge):
        draft.audit(subject, _sentence(draft, user, user_id, "Nothing changed"), decision="ignored")
    return draft.decision()


def record(draft: Draft, key: UserKey, group_id: str, edge: Edge) -> bool:
    """Write an edge, and tell what follows from it; False where it says nothing new."""
    tenant_id, (directory_id, user_id) = draft.tenant_id, (key.directory_id, key.user_id)
    place = state.edge_of_user_key(tenant_id, directory_id, user_id, group_id)
    known = draft.get(place, Edge)
    draft.put(place, edge)
    draft.put(state.edge_of_group_key(tenant_id, directory_id, group_id, user_id), edge)
    directory = draft.directory(directory_id)
    if _is_same(directory, known, edge):
        return False
    if not edge.present or presence.edge_counts(edge, directory):
        tell(draft, key, group_id, present=edge.present)
    user = draft.get(state.user_key(tenant_id, directory_id, user_id), DirectoryUser)
    member_id = user.member_id if user is not None and not user.deleted else None
    # Who joins a group that grants nothing gains nothing, and a first sync is full of that.  Who
    # leaves one may still have what it granted: follow-up work passes over who is no longer in it.
    nothing = edge.present and _grants_nothing(draft, directory_id, group_id)
    if member_id is None or nothing or not members.reevaluate(draft, member_id):
        what = _sentence(draft, user, user_id, "Access stayed as it was")
        draft.audit(f"membership/{group_id}/{user_id}", what)
    return True


def ended(draft: Draft, key: UserKey, group_id: str, edge: Edge) -> None:
    """Forget an edge that a user's or group's tombstone outdated; nothing older brings it back."""
    tenant_id, directory_id = draft.tenant_id, key.directory_id
    draft.put(state.edge_of_user_key(tenant_id, directory_id, key.user_id, group_id), None)
    draft.put(state.edge_of_group_key(tenant_id, directory_id, group_id, key.user_id), None)
    if edge.present:
        tell(draft, key, group_id, present=False)


def tell(draft: Draft, key: UserKey, group_id: str, *, present: bool) -> None:
    """Say whether a user is in a group."""
    draft.emit(
        MembershipRecorded(
            **draft.common("MembershipRecorded", group_id, key.user_id),
            directory_id=key.directory_id,
            group_id=group_id,
            user_id=key.user_id,
            present=present,
        )
    )


def _grants_nothing(draft: Draft, directory_id: str, group_id: str) -> bool:
    place = settings_state.mapping_key(draft.tenant_id, directory_id, group_id)
    return draft.get(place, Mapping) is None


def _is_same(directory: Directory, known: Edge | None, edge: Edge) -> bool:
    """Whether a newer edge says nothing new; joining after the directory's end is new."""
    if known is None or not known.present:
        return not edge.present
    ended_before = presence.is_gone(directory, known.stamp)
    return edge.present and ended_before == presence.is_gone(directory, edge.stamp)


def _newest(edge: Edge | None, user: DirectoryUser | None, group: DirectoryGroup | None) -> Stamp:
    """The newest of what an edge must be newer than."""
    stamps = [edge.stamp] if edge is not None else []
    stamps += [end.deleted_at for end in (user, group) if end is not None and end.deleted_at]
    return max(stamps, default=_NEVER)


def _sentence(draft: Draft, user: DirectoryUser | None, user_id: str, what: str) -> str:
    name = (user.display_name if user is not None else "") or user_id
    return f"{what} for {name}, although {draft.trigger.phrase}."
