"""Follow-up work: consequences in chunks, between which urgent changes get in."""

from datetime import timedelta

import pytest

from processors.core import work
from processors.core.decide import decide
from schemas import limits
from schemas.access import NO_ACCESS
from schemas.commands import RevokeSessions
from schemas.events import AuditEntry, MemberProvisioned, MemberRoleChanged
from schemas.recorded import MembershipRecorded
from schemas.state import Edge, Late, Member
from schemas.work import WORK, AnyWork, ReevaluateGroup, work_key
from tests.core.scenario import (
    ARRIVED,
    CROWD,
    SOON,
    access,
    acme,
    at_end,
    crowd,
    crowded,
    deactivated,
    directory_deleted,
    group_deleted,
    joined,
    left,
    mapping,
    reported,
    role,
)

FORGOTTEN = ARRIVED + timedelta(days=limits.LATE_MARK_DAYS, hours=1)


def test_a_group_of_many_ends_in_chunks() -> None:
    world = crowded()
    decision = world.when(group_deleted("admins"))
    assert len(decision.outputs) == 2, "the deletion itself tells the group and the audit log"
    assert world.work_through() == 3
    assert len(world.all(RevokeSessions)) == CROWD
    assert len(world.all(MembershipRecorded)) == CROWD
    assert world.records("groups-of", Edge) == world.records("users-in", Edge) == {}
    standings = {m.applied.standing for m in world.records("member", Member).values()}
    assert standings == {"none"}


def test_a_chunk_takes_no_more_than_its_limit() -> None:
    world = crowded()
    world.when(group_deleted("admins"))
    found = work.due(world.state, SOON)
    assert found is not None
    decision = work.decide_work(world.state, *found, now=ARRIVED)
    cut_off = [output for output in decision.outputs if isinstance(output, RevokeSessions)]
    assert len(cut_off) == limits.MEMBERS_PER_CHUNK


def test_work_that_fits_a_chunk_exactly_ends_with_an_empty_one() -> None:
    world = crowded(limits.MEMBERS_PER_CHUNK)
    world.when(group_deleted("admins"))
    assert world.work_through() == 2
    assert len(world.all(RevokeSessions)) == limits.MEMBERS_PER_CHUNK


def test_a_deletion_of_a_big_group_costs_no_more_than_of_a_small_one() -> None:
    small, big = crowded(3), crowded(150)
    sizes = {len(world.when(group_deleted("admins")).writes) for world in (small, big)}
    assert sizes == {2}, "the group, and the work"


def test_an_urgent_change_between_two_chunks_is_told_once() -> None:
    world = crowded()
    world.when(group_deleted("admins"))
    world.when(deactivated(crowd()[-1]))
    assert len(world.all(RevokeSessions)) == 1
    world.outputs.clear()
    world.work_through()
    assert len(world.all(RevokeSessions)) == CROWD - 1


def test_who_joins_anew_between_two_chunks_stays() -> None:
    world = crowded()
    world.when(group_deleted("admins"), joined("p0003", "admins"))
    world.work_through()
    assert world.access_of("p0003") == access("admin")
    assert len(world.all(RevokeSessions)) == CROWD - 1


def test_who_left_before_the_end_of_the_group_is_not_told_twice() -> None:
    world = crowded(5)
    world.given(left("p0002", "admins"))
    world.when(group_deleted("admins"))
    world.work_through()
    assert len(world.all(RevokeSessions)) == 4


def test_a_default_role_reaches_a_whole_tenant_in_chunks() -> None:
    world = acme().given(role("member", 20, default=False))
    world.given(*[reported(name) for name in crowd()])
    world.when(role("member", 20, default=True))
    assert world.work_through() == 3
    assert len(world.all(MemberProvisioned)) == CROWD
    assert len({entry.event_id for entry in world.all(AuditEntry)}) == CROWD + 1


def test_two_turns_of_one_piece_of_work_tell_two_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMBERS_PER_CHUNK", 1)
    world = acme().given(
        mapping("viewers", "viewer"),
        reported("ann", as_user="u-1"),
        reported("ann", as_user="u-2"),
        *[joined("u-1", "leads"), joined("u-2", "leads"), joined("u-1", "viewers")],
    )
    mapped = mapping("leads", "admin")
    world.when(mapped)
    found = work.due(world.state, ARRIVED)
    assert found is not None
    first = work.decide_work(world.state, *found, now=ARRIVED)
    world.store.apply(first.writes)
    second = decide(world.state, role("viewer", 90), ARRIVED + timedelta(seconds=1))
    world.store.apply(second.writes)  # its own work is due after what is left of the first
    world.outputs = []
    world.work_through()
    told = [*first.outputs, *world.outputs]
    changed = [output for output in told if isinstance(output, MemberRoleChanged)]
    assert [event.role_to for event in changed] == ["admin", "viewer"]
    assert {event.cause for event in changed} == {mapped.change_id}
    assert changed[0].event_id != changed[1].event_id


def test_work_is_done_in_the_order_in_which_it_is_due() -> None:
    world = acme().given(reported("ann"), joined("ann", "leads"))
    world.when(mapping("leads", "admin"), role("viewer", 5))
    keys = [key for key, _ in world.state.scan(WORK, AnyWork, b"")]
    first, second = (work.due(world.state, SOON), keys)
    assert first is not None
    assert first[0] == second[0] < second[1]


def test_nothing_is_due_before_its_time() -> None:
    world = acme()
    world.when(mapping("leads", "admin"))
    assert work.due(world.state, ARRIVED - timedelta(milliseconds=1)) is None
    # due by the clock of who decides, whatever the gateway's said
    assert work.due(world.state, ARRIVED) is not None


def test_who_cannot_be_decided_waits_alone() -> None:
    world = crowded()
    world.when(group_deleted("admins"))
    piece = work.due(world.state, ARRIVED)
    assert piece is not None
    world.store.apply(work.passed_over(world.state, *piece, ARRIVED).writes)
    assert world.work_through(ARRIVED) == 3
    assert len(world.all(RevokeSessions)) == CROWD - 1
    assert world.access_of(crowd()[0]) == access("admin")
    for minutes in (1, 2):  # again in vain, then for good
        at = ARRIVED + timedelta(seconds=minutes * limits.WORK_RETRY_SECONDS)
        alone = work.due(world.state, at)
        assert alone is not None
        assert work.due(world.state, at - timedelta(milliseconds=1)) is None
        if minutes == 1:
            world.store.apply(work.passed_over(world.state, *alone, at).writes)
    assert world.work_through() == 1
    assert len(world.all(RevokeSessions)) == CROWD


def test_of_a_directory_too_only_the_one_waits() -> None:
    world = acme().given(*[reported(name) for name in crowd(5)])
    world.when(at_end("deactivate"), directory_deleted())
    piece = work.due(world.state, ARRIVED)
    assert piece is not None
    world.store.apply(work.passed_over(world.state, *piece, ARRIVED).writes)
    world.work_through(ARRIVED)
    assert len(world.all(RevokeSessions)) == 4
    world.work_through()
    assert len(world.all(RevokeSessions)) == 5


def test_work_without_anybody_waits_as_a_whole() -> None:
    world = acme()
    world.when(mapping("leads", "admin"))
    piece = work.due(world.state, ARRIVED)
    assert piece is not None
    world.store.apply(work.passed_over(world.state, *piece, ARRIVED).writes)
    assert work.due(world.state, ARRIVED) is None
    retried = work.due(world.state, ARRIVED + timedelta(seconds=limits.WORK_RETRY_SECONDS))
    assert retried is not None
    assert retried[1] == piece[1]


def test_no_crowd_holds_up_another() -> None:
    world = crowded()
    world.given(mapping("leads", "viewer"), reported("zoe"), joined("zoe", "leads"))
    world.when(group_deleted("admins"))
    world.when(group_deleted("leads"))
    for turn in (1, 2):
        now = ARRIVED + timedelta(seconds=turn)
        piece = work.due(world.state, now)
        assert piece is not None
        world.store.apply(work.decide_work(world.state, *piece, now=now).writes)
    assert world.access_of("zoe") == NO_ACCESS


def test_forgetting_comes_after_all_other_work_and_all_at_once() -> None:
    world = acme()
    older = [reported("ann", last_name=f"Ray {number}") for number in range(5)]
    world.given(reported("ann"), *older)
    world.when(mapping("leads", "admin"))
    first = work.due(world.state, FORGOTTEN)
    assert first is not None
    assert isinstance(first[1], ReevaluateGroup)
    world.work_once(FORGOTTEN)
    assert len(world.records("late", Late)) == 5
    marks = work.due(world.state, FORGOTTEN)
    assert marks is not None
    world.store.apply(work.decide_work(world.state, *marks, now=FORGOTTEN).writes)
    assert world.records("late", Late) == {}
    assert work.due(world.state, FORGOTTEN) is None


def test_what_is_no_work_is_our_own_mistake() -> None:
    key = work_key(ARRIVED, "acme", "w")
    with pytest.raises(TypeError, match="no such work"):
        work.decide_work(acme().state, key, AnyWork(), ARRIVED)
