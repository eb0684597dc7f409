"""What follows from a directory's end: told and decided in chunks, users first, then groups.

WorkOS sends nothing else when it deletes a directory (idp-facts §1.2).
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from processors.core import (
    directory,
    linking,
    members,
    membership,
    presence,
    relinking,
    settling,
)
from processors.core.draft import Draft
from schemas import state
from schemas.origin import Stamp
from schemas.state import DirectoryGroup, DirectoryUser, Edge, State, UserKey
from schemas.work import ReevaluateDirectory


def ids(draft: Draft, work: ReevaluateDirectory) -> Iterator[str]:
    """The users, or after them the groups, that are left to do."""
    if work.part == "users":
        return _user_ids(draft, work)
    return _ids(draft, work, "group", DirectoryGroup)


def do(draft: Draft, work: ReevaluateDirectory, chunk: Sequence[str]) -> None:
    """End users or groups.

    Each stands in the state as it was reported, whether it is there or not, so a chunk that meets
    what was reported again since the end has nothing to say about it.
    """
    if work.part == "users":
        _end_users(draft, work, chunk)
    else:
        _end_groups(draft, work, chunk)


def next_part(draft: Draft, work: ReevaluateDirectory) -> ReevaluateDirectory | None:
    """What is left when all of a part is done."""
    all_told = work.told == draft.directory(work.directory_id).deleted_at
    if work.part == "groups" or all_told:
        return work.then
    return state.changed(work, part="groups", after="")


def _end_users(draft: Draft, work: ReevaluateDirectory, user_ids: Sequence[str]) -> None:
    """Users that the end took away are told so, with their memberships; access follows."""
    keys = [UserKey(work.directory_id, user_id) for user_id in user_ids]
    for key in keys:
        user = draft.get(directory.user_place(draft, key), DirectoryUser)
        if user is not None and not user.deleted:
            if _is_to_tell(draft, work, user.stamp):
                directory.tell_user(draft, key, user)
            _find(draft, key, user)
        groups = state.prefix("groups-of", draft.tenant_id, key.directory_id, key.user_id)
        for edge_key, edge in draft.scan(groups, Edge):
            if edge.present and _is_to_tell(draft, work, edge.stamp):
                membership.tell(draft, key, state.last_part_of(edge_key), present=False)
    found = [draft.get(directory.user_place(draft, key), DirectoryUser) for key in keys]
    touched = dict.fromkeys(user.member_id for user in found if user is not None)
    for member_id in touched:
        if member_id is not None:
            members.reevaluate(draft, member_id)
            linking.ask_again(draft, member_id)


def _find(draft: Draft, key: UserKey, user: DirectoryUser) -> None:
    """Who came before it was said whose place the directory takes may be somebody of that one.

    That has to be known before anybody is told of them.
    """
    found = draft.directory(key.directory_id)
    if found.replaces is None or presence.is_gone(found, user.stamp):
        return
    if user.member_id is not None:
        settling.settle_if_known(draft, user.member_id)
    elif (tied := linking.attach(draft, key, user)) != user:
        relinking.put(draft, key, tied)


def _end_groups(draft: Draft, work: ReevaluateDirectory, group_ids: Iterable[str]) -> None:
    for group_id in group_ids:
        place = state.group_key(draft.tenant_id, work.directory_id, group_id)
        group = draft.get(place, DirectoryGroup)
        if group is not None and not group.deleted and _is_to_tell(draft, work, group.stamp):
            directory.tell_group(draft, work.directory_id, group_id, group)


def _is_to_tell(draft: Draft, work: ReevaluateDirectory, stamp: Stamp) -> bool:
    """Whether this end of the directory, and no earlier one, took away what stands so."""
    told = work.told is not None and stamp <= work.told
    return not told and presence.is_gone(draft.directory(work.directory_id), stamp)


def _user_ids(draft: Draft, work: ReevaluateDirectory) -> Iterator[str]:
    """In order; who is in a group counts, even if nobody reported the user."""
    reported = _ids(draft, work, "user", DirectoryUser)
    in_groups = _ids(draft, work, "groups-of", Edge)
    return (user_id for user_id, _ in groupby(heapq.merge(reported, in_groups)))


def _ids(draft: Draft, work: ReevaluateDirectory, kind: str, record: type[State]) -> Iterator[str]:
    """Ids after the last one that was done, in order; an edge's user once for each edge."""
    below = state.prefix(kind, draft.tenant_id, work.directory_id)
    past_edges = state.SEPARATOR + b"\xff"  # no id contains it, since UTF-8 does not
    after = below + work.after.encode() + past_edges if work.after else b""
    for key, _ in draft.scan(below, record, after):
        yield state.parts_of(key)[3]
