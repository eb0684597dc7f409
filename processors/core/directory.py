"""Directory users and groups: what the IdP said is recorded, whatever follows from it."""

from processors.core import explain, linking, members
from processors.core.draft import Decision, Draft
from schemas import state
from schemas.access import Because
from schemas.changes import GroupDeleted, GroupReported, Stamp, UserDeleted, UserReported
from schemas.events import GroupRecorded, MembershipRecorded, UserRecorded
from schemas.state import DirectoryGroup, DirectoryUser, Edge, UserKey
from schemas.work import ReevaluateGroup


def user_reported(draft: Draft, change: UserReported) -> Decision:
    """A user was created or updated."""
    said, key = change.user, UserKey(change.directory_id, change.user.user_id)
    known = draft.get(_user_place(draft, key), DirectoryUser)
    if known is not None and change.stamp <= known.stamp:
        what = f"an older report about {known.display_name or said.user_id}"
        return _not_newer(draft, change.stamp, known.stamp, f"directory_user/{said.user_id}", what)
    user = DirectoryUser(
        stamp=change.stamp,
        deleted_at=known.deleted_at if known else None,
        idp_id=said.idp_id,
        active=said.active,
        email=said.email,
        first_name=said.first_name,
        last_name=said.last_name,
        user_name=said.user_name,
        attributes=said.attributes,
        member_id=known.member_id if known else None,
    )
    user = linking.attach(draft, key, user)
    return _recorded(draft, key, user, f"{_who(draft)} reported {user.display_name}.")


def user_deleted(draft: Draft, change: UserDeleted) -> Decision:
    """A user is gone; the tombstone keeps older reports and memberships from coming back."""
    key = UserKey(change.directory_id, change.user_id)
    known = draft.get(_user_place(draft, key), DirectoryUser)
    subject = f"directory_user/{change.user_id}"
    if known is not None and known.deleted_at is not None and change.stamp <= known.deleted_at:
        what = f"an older deletion of {known.display_name or change.user_id}"
        return _not_newer(draft, change.stamp, known.deleted_at, subject, what)
    _drop_memberships(draft, key, change.stamp)
    if known is None or not known.idp_id:
        tombstone = DirectoryUser(stamp=change.stamp, deleted_at=change.stamp)
        draft.put(_user_place(draft, key), tombstone)
        sentence = f"{_who(draft)} deleted {change.user_id}, whom nobody had reported."
        draft.audit(subject, sentence, decision="ignored")
        return draft.decision()
    if change.stamp < known.stamp:
        return _deleted_before(draft, key, state.changed(known, deleted_at=change.stamp))
    user = state.changed(known, stamp=change.stamp, deleted_at=change.stamp, active=False)
    linking.detach(draft, key, user)
    return _recorded(draft, key, user, f"{_who(draft)} deleted {user.display_name}.")


def _deleted_before(draft: Draft, key: UserKey, user: DirectoryUser) -> Decision:
    """Reported again since: the user stays, memberships from before the deletion do not."""
    draft.put(_user_place(draft, key), user)
    if user.member_id is None or not members.reevaluate(draft, user.member_id):
        sentence = f"{_who(draft)} deleted {user.display_name} before reporting them again."
        draft.audit(f"directory_user/{key.user_id}", sentence)
    return draft.decision()


def group_reported(draft: Draft, change: GroupReported) -> Decision:
    """A group was created or renamed; a name never grants anything by itself."""
    place = state.group_key(draft.tenant_id, change.directory_id, change.group_id)
    known = draft.get(place, DirectoryGroup)
    subject = f"directory_group/{change.group_id}"
    if known is not None and change.stamp <= known.stamp:
        what = f"an older report about the group {known.name or change.group_id}"
        return _not_newer(draft, change.stamp, known.stamp, subject, what)
    deleted_at = known.deleted_at if known else None
    draft.put(
        place,
        DirectoryGroup(
            stamp=change.stamp, deleted_at=deleted_at, name=change.name, idp_id=change.idp_id
        ),
    )
    _tell_group(draft, change.directory_id, change.group_id, change.name, deleted=False)
    draft.audit(subject, f"{_who(draft)} reported the group {change.name}.")
    return draft.decision()


def group_deleted(draft: Draft, change: GroupDeleted) -> Decision:
    """A group is gone, and all its memberships with it; its members follow in chunks."""
    place = state.group_key(draft.tenant_id, change.directory_id, change.group_id)
    known = draft.get(place, DirectoryGroup)
    subject = f"directory_group/{change.group_id}"
    if known is not None and known.deleted_at is not None and change.stamp <= known.deleted_at:
        what = f"an older deletion of the group {known.name or change.group_id}"
        return _not_newer(draft, change.stamp, known.deleted_at, subject, what)
    name = (known.name if known else "") or change.group_id
    if known is not None and change.stamp < known.stamp:  # reported again since
        draft.put(place, state.changed(known, deleted_at=change.stamp))
    else:
        draft.put(place, DirectoryGroup(stamp=change.stamp, deleted_at=change.stamp, name=name))
    if known is not None and known.stamp < change.stamp:
        _tell_group(draft, change.directory_id, change.group_id, name, deleted=True)
    trigger = state.changed(
        draft.trigger,
        phrase=f"{_who(draft)} deleted the group {name}",
        because=Because(kind="group", id=change.group_id, name=name),
    )
    follow_up = ReevaluateGroup(
        trigger=trigger, directory_id=change.directory_id, group_id=change.group_id
    )
    draft.schedule(draft.now, follow_up)
    draft.audit(
        subject,
        f"{_who(draft)} deleted the group {name}.",
        decision="changed" if known else "ignored",
    )
    return draft.decision()


def membership_ended(draft: Draft, key: UserKey, group_id: str, edge: Edge) -> None:
    """Forget an edge that a tombstone outdated; nothing older can bring it back."""
    tenant_id, directory_id = draft.tenant_id, key.directory_id
    draft.put(state.edge_of_user_key(tenant_id, directory_id, key.user_id, group_id), None)
    draft.put(state.edge_of_group_key(tenant_id, directory_id, group_id, key.user_id), None)
    if edge.present:
        draft.emit(
            MembershipRecorded(
                **draft.common("MembershipRecorded", group_id, key.user_id),
                directory_id=directory_id,
                group_id=group_id,
                user_id=key.user_id,
                present=False,
            )
        )


def _recorded(draft: Draft, key: UserKey, user: DirectoryUser, sentence: str) -> Decision:
    draft.put(_user_place(draft, key), user)
    draft.emit(
        UserRecorded(
            **draft.common("UserRecorded"),
            directory_id=key.directory_id,
            user_id=key.user_id,
            idp_id=user.idp_id,
            active=user.active,
            deleted=user.deleted,
            member_id=user.member_id,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            user_name=user.user_name,
            attributes=user.attributes,
        )
    )
    told = user.member_id is not None and members.reevaluate(draft, user.member_id)
    if not told:
        draft.audit(f"directory_user/{key.user_id}", sentence)
    return draft.decision()


def _drop_memberships(draft: Draft, key: UserKey, deleted_at: Stamp) -> None:
    """A user is in few groups, so this is done at once; a group's users go in chunks."""
    groups = state.prefix("groups-of", draft.tenant_id, key.directory_id, key.user_id)
    for edge_key, edge in list(draft.scan(groups, Edge)):
        if edge.stamp <= deleted_at:
            membership_ended(draft, key, state.parts_of(edge_key)[-1], edge)


def _not_newer(draft: Draft, stamp: Stamp, known: Stamp, subject: str, what: str) -> Decision:
    if stamp == known:
        return Decision(outcome="repeat")
    return draft.ignore_late(subject, what)


def _tell_group(
    draft: Draft, directory_id: str, group_id: str, name: str, *, deleted: bool
) -> None:
    draft.emit(
        GroupRecorded(
            **draft.common("GroupRecorded"),
            directory_id=directory_id,
            group_id=group_id,
            name=name,
            deleted=deleted,
        )
    )


def _user_place(draft: Draft, key: UserKey) -> bytes:
    return state.user_key(draft.tenant_id, key.directory_id, key.user_id)


def _who(draft: Draft) -> str:
    assert draft.trigger.directory_id is not None, "only directories report users and groups"
    place = state.directory_key(draft.tenant_id, draft.trigger.directory_id)
    directory = draft.get(place, state.Directory)
    assert directory is not None, "the dispatch checks the directory"
    return explain.idp(directory)
