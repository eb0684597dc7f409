"""Directory users and groups: what the IdP said is recorded, whatever follows from it."""

from processors.core import explain, linking, members, membership, presence, redaction
from processors.core.draft import Decision, Draft
from schemas import state
from schemas.access import Because
from schemas.changes import GroupDeleted, GroupReported, UserDeleted, UserReported
from schemas.names import comparable, exact
from schemas.origin import Stamp
from schemas.recorded import GroupRecorded, UserRecorded
from schemas.scim import Document
from schemas.scim_state import revision_of
from schemas.state import DirectoryGroup, DirectoryUser, Edge, UserKey
from schemas.work import ReevaluateGroup


def user_reported(draft: Draft, change: UserReported) -> Decision:
    """A user was created or updated."""
    said, key = change.user, UserKey(change.directory_id, change.user.user_id)
    known = draft.get(user_place(draft, key), DirectoryUser)
    if known is not None and change.stamp <= known.stamp:
        what = f"an older report about {known.display_name or said.user_id}"
        return draft.not_newer(change.stamp, known.stamp, f"directory_user/{said.user_id}", what)
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
        unlinked=known.unlinked if known else False,
        created_at=(known and known.created_at) or draft.trigger.recorded_at,
    )
    redaction.tell(draft, change.redacted, known, user, f"directory_user/{said.user_id}")
    user = linking.attach(draft, key, user)
    record_user(draft, key, user, f"{who(draft)} reported {user.display_name}.")
    return draft.decision()


def user_deleted(draft: Draft, change: UserDeleted) -> Decision:
    """A user is gone; the tombstone keeps older reports and memberships from coming back."""
    key = UserKey(change.directory_id, change.user_id)
    known = draft.get(user_place(draft, key), DirectoryUser)
    subject = f"directory_user/{change.user_id}"
    if known is not None and known.deleted_at is not None and change.stamp <= known.deleted_at:
        what = f"an older deletion of {known.display_name or change.user_id}"
        return draft.not_newer(change.stamp, known.deleted_at, subject, what)
    drop_memberships(draft, key, change.stamp)
    if known is None or not known.idp_id:
        tombstone = DirectoryUser(stamp=change.stamp, deleted_at=change.stamp)
        draft.put(user_place(draft, key), tombstone)
        sentence = f"{who(draft)} deleted {change.user_id}, whom nobody had reported."
        draft.audit(subject, sentence, decision="ignored")
        return draft.decision()
    if change.stamp < known.stamp:
        return _deleted_before(draft, key, state.changed(known, deleted_at=change.stamp))
    user = state.changed(known, stamp=change.stamp, deleted_at=change.stamp, active=False)
    linking.detach(draft, key, user)
    record_user(draft, key, user, f"{who(draft)} deleted {user.display_name}.")
    return draft.decision()


def _deleted_before(draft: Draft, key: UserKey, user: DirectoryUser) -> Decision:
    """Reported again since: the user stays, memberships from before the deletion do not."""
    draft.put(user_place(draft, key), user)
    if user.member_id is None or not members.reevaluate(draft, user.member_id):
        sentence = f"{who(draft)} deleted {user.display_name} before reporting them again."
        draft.audit(f"directory_user/{key.user_id}", sentence)
    return draft.decision()


def group_reported(draft: Draft, change: GroupReported) -> Decision:
    """A group was created or renamed; a name never grants anything by itself."""
    place = state.group_key(draft.tenant_id, change.directory_id, change.group_id)
    known = draft.get(place, DirectoryGroup)
    subject = f"directory_group/{change.group_id}"
    if known is not None and change.stamp <= known.stamp:
        what = f"an older report about the group {known.name or change.group_id}"
        return draft.not_newer(change.stamp, known.stamp, subject, what)
    group = DirectoryGroup(
        stamp=change.stamp,
        deleted_at=known.deleted_at if known else None,
        name=change.name,
        idp_id=change.idp_id,
        created_at=(known and known.created_at) or draft.trigger.recorded_at,
    )
    draft.put(place, group)
    tell_group(draft, change.directory_id, change.group_id, group)
    draft.audit(subject, f"{who(draft)} reported the group {change.name}.")
    return draft.decision()


def group_deleted(draft: Draft, change: GroupDeleted) -> Decision:
    """A group is gone, and all its memberships with it; its members follow in chunks."""
    place = state.group_key(draft.tenant_id, change.directory_id, change.group_id)
    known = draft.get(place, DirectoryGroup)
    subject = f"directory_group/{change.group_id}"
    if known is not None and known.deleted_at is not None and change.stamp <= known.deleted_at:
        what = f"an older deletion of the group {known.name or change.group_id}"
        return draft.not_newer(change.stamp, known.deleted_at, subject, what)
    name = (known.name if known else "") or change.group_id
    if known is not None and change.stamp < known.stamp:  # reported again since
        draft.put(place, state.changed(known, deleted_at=change.stamp))
    else:
        group = state.changed(
            known or DirectoryGroup(stamp=change.stamp),
            stamp=change.stamp,
            deleted_at=change.stamp,
            name=name,
        )
        draft.put(place, group)
        if known is not None:
            tell_group(draft, change.directory_id, change.group_id, group)
    follow_group_end(draft, change.directory_id, change.group_id, name)
    draft.audit(
        subject,
        f"{who(draft)} deleted the group {name}.",
        decision="changed" if known else "ignored",
    )
    return draft.decision()


def follow_group_end(draft: Draft, directory_id: str, group_id: str, name: str) -> None:
    """A group's members lose what it granted, in chunks."""
    trigger = state.changed(
        draft.trigger,
        phrase=f"{who(draft)} deleted the group {name}",
        because=Because(kind="group", id=group_id, name=name),
    )
    follow_up = ReevaluateGroup(trigger=trigger, directory_id=directory_id, group_id=group_id)
    draft.schedule(draft.now, follow_up)


def tell_user(draft: Draft, key: UserKey, user: DirectoryUser) -> None:
    """Say how a user stands; whom the end of the directory took away is deleted too."""
    deleted = user.deleted or presence.is_gone(draft.directory(key.directory_id), user.stamp)
    draft.emit(
        UserRecorded(
            **draft.common("UserRecorded", key.directory_id, key.user_id),
            directory_id=key.directory_id,
            user_id=key.user_id,
            idp_id=user.idp_id,
            active=user.active and not deleted,
            deleted=deleted,
            member_id=user.member_id,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            user_name=user.user_name,
            attributes=user.attributes,
            user_name_key=comparable(user.user_name) if user.resource and user.user_name else None,
            external_id=_external_id(user.resource),
            resource=user.resource,
            revision=revision_of(user.stamp.at),
            created_at=user.created_at or draft.trigger.recorded_at,
            leaving=user.leaving is not None,
        )
    )


def tell_group(draft: Draft, directory_id: str, group_id: str, group: DirectoryGroup) -> None:
    """Say how a group stands; what the end of the directory took away is deleted too."""
    draft.emit(
        GroupRecorded(
            **draft.common("GroupRecorded", group_id),
            directory_id=directory_id,
            group_id=group_id,
            name=group.name,
            deleted=group.deleted or presence.is_gone(draft.directory(directory_id), group.stamp),
            external_id=_external_id(group.resource),
            resource=group.resource,
            revision=revision_of(max(group.stamp, group.members_at or group.stamp).at),
            created_at=group.created_at or draft.trigger.recorded_at,
        )
    )


def _external_id(resource: Document) -> str | None:
    given: str | None = resource.get("externalId")
    return exact(given) if given else None


def record_user(draft: Draft, key: UserKey, user: DirectoryUser, sentence: str) -> None:
    """Write a user, and tell what follows; `sentence` is audited where nobody's access moves."""
    draft.put(user_place(draft, key), user)
    tell_user(draft, key, user)
    told = user.member_id is not None and members.reevaluate(draft, user.member_id)
    if not told:
        draft.audit(f"directory_user/{key.user_id}", sentence)
    if user.member_id is not None:
        linking.ask_again(draft, user.member_id)


def groups_of(draft: Draft, key: UserKey) -> list[str]:
    """Ids of the groups that a user is in."""
    below = state.prefix("groups-of", draft.tenant_id, key.directory_id, key.user_id)
    return [state.last_part_of(place) for place, edge in draft.scan(below, Edge) if edge.present]


def drop_memberships(draft: Draft, key: UserKey, deleted_at: Stamp) -> None:
    """End a user's memberships: few, so at once; a group's users go in chunks."""
    groups = state.prefix("groups-of", draft.tenant_id, key.directory_id, key.user_id)
    for edge_key, edge in list(draft.scan(groups, Edge)):
        if edge.stamp <= deleted_at:
            membership.ended(draft, key, state.last_part_of(edge_key), edge)


def user_place(draft: Draft, key: UserKey) -> bytes:
    """Where a user's record stands."""
    return state.user_key(draft.tenant_id, key.directory_id, key.user_id)


def who(draft: Draft) -> str:
    """How people call the IdP whose change is decided."""
    assert draft.trigger.directory_id is not None, "only directories report users and groups"
    return explain.idp(draft.directory(draft.trigger.directory_id))
