"""Directory groups by SCIM; their members are edges, whatever the size of the group."""

from processors.core import directory, membership, scim_answers, warnings
from processors.core.draft import Decision, Draft
from schemas import state
from schemas.names import comparable, exact
from schemas.origin import Stamp
from schemas.scim import (
    Document,
    ScimGroupChange,
    ScimGroupChanged,
    ScimGroupCreated,
    ScimGroupDeleted,
    ScimMembersChanged,
)
from schemas.scim_state import Named, named_key
from schemas.state import DirectoryGroup, DirectoryUser, Edge, UserKey


def created(draft: Draft, change: ScimGroupCreated) -> Decision:
    """A new group; 409 for one that is there, by externalId or, without one, by its name."""
    mine = _group(draft, change.directory_id, change.group_id)
    if mine is not None:  # the same POST came before, and its answer was given up
        if mine.deleted:
            return scim_answers.stale(draft, change, _subject(change), gone=True)
        return scim_answers.done(draft, change, change.group_id, status=201)
    external_id = change.resource.get("externalId")
    found = [
        draft.get(place, Named)
        for place in (
            [_external_place(draft, change.directory_id, external_id)] if external_id else []
        )
    ]
    if not external_id:
        found += _namesakes(draft, change)
    held = [named for named in found if named is not None]
    if any(not named.free for named in held):
        detail = (
            "A group with this name or externalId exists in this directory: refresh app groups,"
            " then link to it."
        )
        return scim_answers.refused(draft, change, "uniqueness", detail, _subject(change))
    if any(scim_answers.is_newer(named.stamp, change) for named in held):
        return scim_answers.stale(draft, change, _subject(change))
    stamp = draft.tick(change.directory_id)
    group = DirectoryGroup(stamp=stamp, created_at=stamp.at)
    _write(draft, change, group, change.resource)
    return scim_answers.done(draft, change, change.group_id, status=201)


def changed(draft: Draft, change: ScimGroupChanged) -> Decision:
    """Another name; or all members are about to be replaced."""
    known = _group(draft, change.directory_id, change.group_id)
    if known is None or known.deleted:
        return _not_there(draft, change)
    if _is_newer(known, change):
        return scim_answers.stale(draft, change, _subject(change))
    merged = known.resource | change.changed
    resource = {name: value for name, value in merged.items() if value is not None}
    external_id = resource.get("externalId")
    if external_id:
        held = draft.get(_external_place(draft, change.directory_id, external_id), Named)
        if held is not None and not held.free and held.owner != change.group_id:
            detail = "Another group of this directory has this externalId."
            return scim_answers.refused(draft, change, "uniqueness", detail, _subject(change))
    stamp = draft.tick(change.directory_id)
    group = state.changed(known, stamp=stamp, closed_at=stamp if change.closes else known.closed_at)
    _write(draft, change, group, resource)
    return scim_answers.done(draft, change, change.group_id)


def deleted(draft: Draft, change: ScimGroupDeleted) -> Decision:
    """A group is gone, and all its memberships with it; its members follow in chunks."""
    known = _group(draft, change.directory_id, change.group_id)
    if known is None or known.deleted:
        return _not_there(draft, change)
    # Whoever joined since is not meant by it.
    if _is_newer(known, change) or scim_answers.is_newer(known.members_at, change):
        return scim_answers.stale(draft, change, _subject(change))
    stamp = draft.tick(change.directory_id)
    _name(draft, change, stamp, known.resource, {})
    # As a member of other groups, too.
    directory.drop_memberships(draft, UserKey(change.directory_id, change.group_id), stamp)
    group = state.changed(known, stamp=stamp, deleted_at=stamp)
    draft.put(_place(draft, change), group)
    directory.tell_group(draft, change.directory_id, change.group_id, group)
    directory.follow_group_end(draft, change.directory_id, change.group_id, known.name)
    draft.audit(_subject(change), f"{directory.who(draft)} deleted the group {known.name}.")
    return scim_answers.done(draft, change, change.group_id, status=204)


def members_changed(draft: Draft, change: ScimMembersChanged) -> Decision:
    """Members come or go, each by an edge of its own: all of them, or none if one is outdated."""
    group = _group(draft, change.directory_id, change.group_id)
    if group is None or group.deleted:
        return _not_there(draft, change)
    outdated = scim_answers.is_newer(group.closed_at, change) or (
        change.exact and _is_newer(group, change)
    )
    known = [each for each in change.added + change.removed if _is_known(draft, change, each)]
    if outdated or any(_is_outdated(draft, change, each) for each in known):
        return scim_answers.stale(draft, change, _subject(change))
    if len(known) < len(change.added) and change.added:
        warnings.unknown_members(draft, change.directory_id, change.group_id)
    if known:
        stamp = draft.tick(change.directory_id)
        edge = Edge(stamp=stamp, present=bool(change.added))
        for each in known:
            membership.record(draft, UserKey(change.directory_id, each), change.group_id, edge)
        members_moved(draft, change.directory_id, change.group_id, stamp)
    return scim_answers.done(draft, change, change.group_id)


def members_moved(draft: Draft, directory_id: str, group_id: str, stamp: Stamp) -> None:
    """A group has other members, so it has another version."""
    group = _group(draft, directory_id, group_id)
    if group is None or group.deleted:
        return
    group = state.changed(group, members_at=stamp)
    draft.put(state.group_key(draft.tenant_id, directory_id, group_id), group)
    directory.tell_group(draft, directory_id, group_id, group)


def _is_newer(group: DirectoryGroup, change: ScimGroupChange) -> bool:
    """Whether the group itself, or the version that the client named, is no longer the newest."""
    return scim_answers.is_newer(group.stamp, change) or (
        change.exact and scim_answers.is_newer(group.members_at, change)
    )


def _is_known(draft: Draft, change: ScimMembersChanged, member_id: str) -> bool:
    """Whether a member is a user or a group of this directory that is there, or a member still."""
    edge = draft.get(_edge_place(draft, change, member_id), Edge)
    if edge is not None and edge.present and change.removed:
        return True
    place = state.user_key(draft.tenant_id, change.directory_id, member_id)
    user = draft.get(place, DirectoryUser)
    if user is not None:
        return not user.deleted
    group = _group(draft, change.directory_id, member_id)
    return group is not None and not group.deleted


def _edge_place(draft: Draft, change: ScimMembersChanged, member_id: str) -> bytes:
    return state.edge_of_user_key(draft.tenant_id, change.directory_id, member_id, change.group_id)


def _is_outdated(draft: Draft, change: ScimMembersChanged, member_id: str) -> bool:
    """Whether the opposite was said after the sender had read."""
    edge = draft.get(_edge_place(draft, change, member_id), Edge)
    if edge is None or edge.present == bool(change.added):
        return False
    return scim_answers.is_newer(edge.stamp, change)


def _write(
    draft: Draft, change: ScimGroupChange, group: DirectoryGroup, resource: Document
) -> None:
    _name(draft, change, group.stamp, group.resource, resource)
    name = resource.get("displayName") or change.group_id
    same = resource == group.resource
    group = state.changed(group, name=name, idp_id=resource.get("externalId"), resource=resource)
    draft.put(_place(draft, change), group)
    directory.tell_group(draft, change.directory_id, change.group_id, group)
    if not same:
        draft.audit(_subject(change), f"{directory.who(draft)} reported the group {name}.")


def _name(
    draft: Draft, change: ScimGroupChange, stamp: Stamp, before: Document, after: Document
) -> None:
    """Give up names and take others; several groups may share a displayName."""
    free = Named(owner=change.group_id, stamp=stamp, free=True)
    taken = Named(owner=change.group_id, stamp=stamp)
    places = [_name_places(draft, change, resource) for resource in (before, after)]
    for place in places[0] - places[1]:
        draft.put(place, free)
    for place in places[1] - places[0]:
        draft.put(place, taken)


def _name_places(draft: Draft, change: ScimGroupChange, resource: Document) -> set[bytes]:
    places = set()
    if external_id := resource.get("externalId"):
        places.add(_external_place(draft, change.directory_id, external_id))
    if name := resource.get("displayName"):
        places.add(_displayed(draft, change.directory_id, name) + change.group_id.encode())
    return places


def _namesakes(draft: Draft, change: ScimGroupCreated) -> list[Named | None]:
    below = _displayed(draft, change.directory_id, change.resource.get("displayName") or "")
    return [named for _, named in draft.scan(below, Named)]


def _displayed(draft: Draft, directory_id: str, name: str) -> bytes:
    """What the keys of all groups of a name begin with."""
    place = named_key(draft.tenant_id, directory_id, "displayName", comparable(name))
    return place + state.SEPARATOR


def _external_place(draft: Draft, directory_id: str, external_id: str) -> bytes:
    return named_key(draft.tenant_id, directory_id, "group externalId", exact(external_id))


def _not_there(draft: Draft, change: ScimGroupChange) -> Decision:
    detail = (
        f"There is no group {change.group_id} in this directory: refresh app groups, then push"
        " the group again."
    )
    return scim_answers.refused(draft, change, "not_found", detail, _subject(change))


def _group(draft: Draft, directory_id: str, group_id: str) -> DirectoryGroup | None:
    place = state.group_key(draft.tenant_id, directory_id, group_id)
    return draft.get(place, DirectoryGroup)


def _place(draft: Draft, change: ScimGroupChange) -> bytes:
    return state.group_key(draft.tenant_id, change.directory_id, change.group_id)


def _subject(change: ScimGroupChange) -> str:
    return f"directory_group/{change.group_id}"
