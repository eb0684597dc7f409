"""Follow-up work: what a change leaves behind, done in chunks that let urgent changes through.

A chunk never decides by itself: it only draws the consequences of what already stands in the state.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from processors.core import cascade, members, membership, presence
from processors.core.draft import Decision, Draft
from processors.core.overlay import StateReader
from schemas import limits, state
from schemas.state import (
    DirectoryGroup,
    DirectoryUser,
    Edge,
    Member,
    State,
    UserKey,
)
from schemas.work import (
    WORK,
    AnyWork,
    ForgetLate,
    ReevaluateDirectory,
    ReevaluateGroup,
    ReevaluateTenant,
    due_of_work,
    tenant_of_work,
    work_due_before,
    work_key,
)

W = TypeVar("W", bound=AnyWork)


def due(below: StateReader, now: datetime) -> tuple[bytes, AnyWork] | None:
    """The first piece of work that is due, if there is any."""
    for key, work in below.scan(WORK, AnyWork, b""):
        return (key, work) if key < work_due_before(now) else None
    return None


def decide_work(below: StateReader, key: bytes, work: AnyWork, now: datetime) -> Decision:
    """Do one chunk of a piece of work; its record goes with the last chunk."""
    tenant_id = tenant_of_work(key)
    match work:
        case ForgetLate():
            writes = {key: None, state.late_key(tenant_id, work.change_id): None}
            return Decision(outcome="applied", writes=writes)
        case ReevaluateGroup():
            draft = Draft(below, tenant_id, work.trigger, now)
            draft.put(key, _group_chunk(draft, work))
        case ReevaluateTenant():
            draft = Draft(below, tenant_id, work.trigger, now)
            draft.put(key, _tenant_chunk(draft, work))
        case ReevaluateDirectory():
            draft = Draft(below, tenant_id, work.trigger, now)
            draft.put(key, cascade.chunk(draft, work))
        case _:
            raise TypeError(f"no such work: {type(work)}")
    return draft.decision()


def _group_chunk(draft: Draft, work: ReevaluateGroup) -> ReevaluateGroup | None:
    """Re-evaluate the next users of a group; return the work that is left."""
    tenant_id, directory_id, group_id = draft.tenant_id, work.directory_id, work.group_id
    below = state.prefix("users-in", tenant_id, directory_id, group_id)
    after = below + work.after.encode() if work.after else b""
    group = draft.get(state.group_key(tenant_id, directory_id, group_id), DirectoryGroup)
    chunk = list(islice(draft.scan(below, Edge, after), limits.MEMBERS_PER_CHUNK))
    touched: dict[str, None] = {}
    for edge_key, edge in chunk:
        key = UserKey(directory_id, state.parts_of(edge_key)[-1])
        user = draft.get(state.user_key(tenant_id, directory_id, key.user_id), DirectoryUser)
        if edge.present and not presence.edge_counts(edge, user, group):
            membership.ended(draft, key, group_id, edge)
        if edge.present and user is not None and user.member_id is not None:
            touched[user.member_id] = None
    _reevaluate(draft, touched)
    return _left(work, chunk)


def _tenant_chunk(draft: Draft, work: ReevaluateTenant) -> ReevaluateTenant | None:
    """Re-evaluate the next members of the tenant; return the work that is left."""
    below = state.prefix("member", draft.tenant_id)
    after = below + work.after.encode() if work.after else b""
    chunk = list(islice(draft.scan(below, Member, after), limits.MEMBERS_PER_CHUNK))
    _reevaluate(draft, [state.parts_of(key)[-1] for key, _ in chunk])
    return _left(work, chunk)


def _reevaluate(draft: Draft, member_ids: Iterable[str]) -> None:
    for member_id in member_ids:
        members.reevaluate(draft, member_id)


def _left(work: W, chunk: Sequence[tuple[bytes, State]]) -> W | None:
    if len(chunk) < limits.MEMBERS_PER_CHUNK:
        return None
    return state.changed(work, after=state.parts_of(chunk[-1][0])[-1])


def postponed(key: bytes, work: AnyWork, now: datetime) -> Decision:
    """Leave a piece of work for later, because it cannot be done now."""
    _, _, tenant_id, work_id = state.parts_of(key)
    later = work_key(now + timedelta(seconds=limits.WORK_RETRY_SECONDS), tenant_id, work_id)
    return Decision(outcome="applied", writes={key: None, later: work})


def next_due(below: StateReader) -> datetime | None:
    """When the first piece of work is due."""
    for key, _ in below.scan(WORK, AnyWork, b""):
        return due_of_work(key)
    return None
