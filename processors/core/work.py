"""Follow-up work: what a change leaves behind, done in chunks that let urgent changes through.

A chunk never decides by itself: it only draws the consequences of what already stands in the state.
What is left of a piece of work goes behind all other that is due, so that no tenant's crowd holds
up another's.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile

from processors.core import cascade, holds, members, membership, presence, settling
from processors.core.draft import Decision, Draft
from processors.core.overlay import StateReader
from schemas import ids, limits, state
from schemas.settings_state import Held
from schemas.state import DirectoryGroup, DirectoryUser, Edge, Member, UserKey
from schemas.work import (
    HOUSEKEEPING,
    WORK,
    AnyWork,
    Chunked,
    FinishLeaving,
    ForgetLate,
    ReevaluateDirectory,
    ReevaluateGroup,
    ReevaluateHeld,
    ReevaluateTenant,
    SettleConflicts,
    due_of_work,
    tenant_of_work,
    work_due_before,
    work_key,
)


def due(below: StateReader, now: datetime) -> tuple[bytes, AnyWork] | None:
    """The first piece of work that is due, if there is any; what may wait comes last."""
    pieces = (piece for kind in (WORK, HOUSEKEEPING) for piece in _due(below, kind, now))
    return next(pieces, None)


def next_due(below: StateReader) -> datetime | None:
    """When the first piece of work is due."""
    firsts = (next(below.scan(kind, AnyWork, b""), None) for kind in (WORK, HOUSEKEEPING))
    return min((due_of_work(found[0]) for found in firsts if found is not None), default=None)


def decide_work(
    below: StateReader,
    key: bytes,
    work: AnyWork,
    now: datetime,
    *,
    singly: bool = False,
) -> Decision:
    """Do one chunk of a piece of work, or `singly` the very next id; its record goes at last."""
    most = 1 if singly else limits.MEMBERS_PER_CHUNK
    match work:
        case ForgetLate():
            return _forget(below, key, work, now)
        case FinishLeaving():
            draft = Draft(below, tenant_of_work(key), work.trigger, now)
            holds.finish(draft, work)
            draft.put(key, None)
            return draft.decision()
        case Chunked():
            draft = Draft(below, tenant_of_work(key), work.trigger, now)
            chunk = list(islice(_ids(draft, work), most))
            _do(draft, work, chunk)
            _go_on(draft, key, _left(draft, work, chunk, most))
            return draft.decision()
        case _:
            raise TypeError(f"no such work: {type(work)}")


def passed_over(below: StateReader, key: bytes, work: AnyWork, now: datetime) -> Decision:
    """Leave the very next id for later, because nothing can be decided about it, and go on.

    Nobody else's access may wait for it.
    """
    if not isinstance(work, Chunked) or work.until:
        return _postponed(key, work, now)
    draft = Draft(below, tenant_of_work(key), work.trigger, now)
    failing = next(_ids(draft, work), None)
    if failing is None:
        return _postponed(key, work, now)
    _, _, tenant_id, work_id = state.parts_of(key)
    alone = work_key(_later(now), tenant_id, ids.of_cause(work_id, "alone", failing))
    draft.put(alone, state.changed(work, until=failing))
    _go_on(draft, key, state.changed(work, after=failing))
    return draft.decision()


def _due(below: StateReader, kind: bytes, now: datetime) -> Iterator[tuple[bytes, AnyWork]]:
    end = work_due_before(now, kind=kind)
    return takewhile(lambda piece: piece[0] < end, below.scan(kind, AnyWork, b""))


def _forget(below: StateReader, key: bytes, work: ForgetLate, now: datetime) -> Decision:
    """Forget marks, and as many more as a step holds: a burst of late changes made them at once."""
    writes: dict[bytes, None] = {}
    for place, each in (
        (key, work),
        *islice(_due(below, HOUSEKEEPING, now), limits.RECORDS_PER_STEP),
    ):
        assert isinstance(each, ForgetLate)
        writes |= {place: None, state.late_key(tenant_of_work(place), each.change_id): None}
    return Decision(outcome="applied", writes=writes)


def _ids(draft: Draft, work: Chunked) -> Iterator[str]:
    """What is left to do, in order."""
    match work:
        case ReevaluateGroup():
            kind = state.prefix("users-in", draft.tenant_id, work.directory_id, work.group_id)
            found = _after(draft, kind, Edge, work.after)
        case ReevaluateTenant():
            found = _after(draft, state.prefix("member", draft.tenant_id), Member, work.after)
        case ReevaluateHeld():
            kind = state.prefix("held", draft.tenant_id, work.reason)
            found = _after(draft, kind, Held, work.after)
        case SettleConflicts():
            kind = state.prefix("held", draft.tenant_id, "conflict")
            found = _after(draft, kind, Held, work.after)
        case ReevaluateDirectory():
            found = cascade.ids(draft, work)
        case _:
            raise TypeError(f"no such work: {type(work)}")
    return takewhile(lambda each: not work.until or each <= work.until, found)


def _after(
    draft: Draft, below: bytes, record: type[Edge] | type[Member] | type[Held], after: str
) -> Iterator[str]:
    start = below + after.encode() if after else b""
    for key, _ in draft.scan(below, record, start):
        yield state.last_part_of(key)


def _do(draft: Draft, work: Chunked, chunk: Sequence[str]) -> None:
    match work:
        case ReevaluateGroup():
            _do_group(draft, work, chunk)
        case ReevaluateDirectory():
            cascade.do(draft, work, chunk)
        case SettleConflicts():
            for member_id in chunk:
                settling.settle_if_known(draft, member_id)
        case _:
            for member_id in chunk:
                members.reevaluate(draft, member_id)


def _do_group(draft: Draft, work: ReevaluateGroup, user_ids: Sequence[str]) -> None:
    """Re-evaluate users of a group."""
    tenant_id, directory_id, group_id = draft.tenant_id, work.directory_id, work.group_id
    group = draft.get(state.group_key(tenant_id, directory_id, group_id), DirectoryGroup)
    touched: dict[str, None] = {}
    for user_id in user_ids:
        place = state.edge_of_group_key(tenant_id, directory_id, group_id, user_id)
        edge = draft.get(place, Edge)
        if edge is None or not edge.present:
            continue
        user = draft.get(state.user_key(tenant_id, directory_id, user_id), DirectoryUser)
        if not presence.edge_counts(edge, user, group):
            membership.ended(draft, UserKey(directory_id, user_id), group_id, edge)
        if user is not None and user.member_id is not None:
            touched[user.member_id] = None
    for member_id in touched:
        members.reevaluate(draft, member_id)


def _left(draft: Draft, work: Chunked, chunk: Sequence[str], most: int) -> Chunked | None:
    if len(chunk) == most and chunk[-1] != work.until:
        return state.changed(work, after=chunk[-1])
    if isinstance(work, ReevaluateDirectory) and not work.until:
        return cascade.next_part(draft, work)
    return None


def _go_on(draft: Draft, key: bytes, left: Chunked | None) -> None:
    """Put what is left behind all other work that is due."""
    draft.put(key, None)
    if left is not None:
        _, _, tenant_id, work_id = state.parts_of(key)
        draft.put(work_key(draft.now, tenant_id, work_id), left)


def _postponed(key: bytes, work: AnyWork, now: datetime) -> Decision:
    """Leave a piece of work for later, because it cannot be done now."""
    _, _, tenant_id, work_id = state.parts_of(key)
    later = work_key(_later(now), tenant_id, work_id)
    return Decision(outcome="applied", writes={key: None, later: work})


def _later(now: datetime) -> datetime:
    return now + timedelta(seconds=limits.WORK_RETRY_SECONDS)
