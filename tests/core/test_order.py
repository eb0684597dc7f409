"""Changes come late, twice, and past one another; what happened last at the IdP holds."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from processors.core.draft import UndecidableError
from schemas import limits
from schemas.changes import AnyReportedChange
from schemas.events import AuditEntry, MemberProvisioned, MemberRoleChanged
from schemas.origin import Stamp
from schemas.recorded import MembershipRecorded
from schemas.state import DirectoryUser, Edge, Late, Member
from tests.core.scenario import (
    ARRIVED,
    World,
    access,
    acme,
    connected,
    deactivated,
    deleted,
    directory,
    directory_deleted,
    group,
    group_deleted,
    joined,
    left,
    noted,
    reported,
    tenant,
)

FORGOTTEN = ARRIVED + timedelta(days=limits.LATE_MARK_DAYS, hours=1)


def test_a_membership_may_come_before_its_user_and_its_group() -> None:
    world = acme()
    world.when(joined("ann", "admins"), reported("ann"))
    world.then(MemberProvisioned)
    assert world.access_of("ann") == access("admin")


def test_a_create_after_the_deletion_resurrects_nobody() -> None:
    world = acme()
    created, joins, gone = reported("ann"), joined("ann", "admins"), deleted("ann")
    world.when(gone, joins, created)
    world.then()
    assert world.records("member", Member) == {}
    assert world.records("groups-of", Edge) == {}


def test_an_update_after_the_deactivation_reactivates_nobody() -> None:
    world = acme().given(reported("ann"))
    renamed, gone = reported("ann", last_name="Ray"), deactivated("ann")
    world.when(gone)
    world.when(renamed)
    world.then()
    assert world.access_of("ann").standing == "none"


def test_joining_after_the_removal_stays_removed() -> None:
    world = acme().given(reported("ann"))
    joins, leaves = joined("ann", "admins"), left("ann", "admins")
    world.when(leaves, joins)
    world.then()
    assert world.access_of("ann") == access("member")


def test_joining_a_group_after_its_deletion_counts_for_nothing() -> None:
    world = acme().given(reported("ann"))
    joins, gone = joined("ann", "admins"), group_deleted("admins")
    world.when(gone, joins)
    world.work_through()
    world.then()
    assert world.access_of("ann") == access("member")


def test_joining_a_deleted_group_anew_counts_once_it_is_reported() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"), group_deleted("admins"))
    world.when(group("admins", "Platform Admins"), joined("ann", "admins"))
    world.then(MemberRoleChanged)
    assert world.access_of("ann") == access("admin")


def test_a_deletion_of_the_group_that_a_new_report_overtook_still_ends_its_memberships() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    gone, again = group_deleted("admins"), group("admins", "Platform Admins")
    world.when(again, gone)
    world.work_through()
    assert world.access_of("ann") == access("member")
    assert [event.present for event in world.all(MembershipRecorded)] == [False]


def test_a_deletion_of_the_user_that_a_new_report_overtook_still_ends_their_memberships() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    gone, back = deleted("ann"), reported("ann")
    world.when(back, gone)
    assert world.access_of("ann") == access("member")
    assert [event.present for event in world.all(MembershipRecorded)] == [False]


def test_memberships_from_before_an_overtaken_deletion_count_for_nothing_either() -> None:
    world = acme().given(reported("ann"))
    joins, gone, again = joined("ann", "admins"), group_deleted("admins"), group("admins", "Admins")
    world.when(again, gone, joins)
    world.work_through()
    assert world.access_of("ann") == access("member")


@pytest.mark.parametrize(("event_id", "role"), [("event_0", "admin"), ("event_z", "member")])
def test_memberships_of_one_instant_go_by_their_event_ids(event_id: str, role: str) -> None:
    world = acme().given(reported("ann"))
    joins, leaves = joined("ann", "admins"), left("ann", "admins")
    world.when(joins, replace(leaves, stamp=Stamp(joins.stamp.at, event_id)))
    assert world.access_of("ann") == access(role)


@pytest.mark.parametrize(("event_id", "standing"), [("event_0", "active"), ("event_z", "none")])
def test_reports_of_one_instant_go_by_their_event_ids(event_id: str, standing: str) -> None:
    world, report = acme(), reported("ann")
    world.when(report, replace(deactivated("ann"), stamp=Stamp(report.stamp.at, event_id)))
    assert world.access_of("ann").standing == standing


def test_our_clock_orders_nothing() -> None:
    world = acme().given(reported("ann"))
    renamed, gone = reported("ann", last_name="Ray"), deactivated("ann")
    world.when(gone, replace(renamed, recorded_at=FORGOTTEN))
    assert world.access_of("ann").standing == "none"


_KINDS: dict[str, Callable[[], AnyReportedChange]] = {
    "rename": lambda: reported("ann", last_name="Ray"),
    "deactivation": lambda: deactivated("ann"),
    "deletion": lambda: deleted("ann"),
    "deletion of a stranger": lambda: deleted("ghost"),
    "group renamed": lambda: group("admins", "Admins"),
    "group deletion": lambda: group_deleted("admins"),
    "deletion of a strange group": lambda: group_deleted("ghosts"),
    "joining": lambda: joined("ann", "designers"),
    "leaving": lambda: left("ann", "admins"),
    "a stranger's leaving": lambda: left("ghost", "admins"),
    "directory disconnected": lambda: connected(now=False),
    "directory deletion": directory_deleted,
    "unknown event": lambda: noted("unknown_event", "dsync.moved"),
}


@pytest.mark.parametrize("kind", _KINDS)
def test_a_repeat_is_silent(kind: str) -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    change = _KINDS[kind]()
    assert world.when(change).outcome == "applied"
    before = dict(world.store.values)
    again = world.when(replace(change, recorded_at=FORGOTTEN))
    assert (again.outcome, again.outputs, again.writes) == ("repeat", (), {})
    assert world.store.values == before


def test_an_older_change_is_audited_once_and_its_repeat_is_silent() -> None:
    world = acme()
    older = reported("ann", last_name="Ray")
    world.given(reported("ann"))
    assert world.when(older).outcome == "late"
    assert world.sentences() == [
        "Ignored an older report about Ann Lee: something newer is already known."
    ]
    assert world.the(AuditEntry).decision == "ignored"
    assert world.when(older).outcome == "repeat"
    assert world.outputs == []


def test_a_late_change_is_forgotten_when_nobody_will_repeat_it_any_more() -> None:
    world = acme()
    older = reported("ann", last_name="Ray")
    world.given(reported("ann"), older)
    assert len(world.records("late", Late)) == 1
    assert world.work_through(FORGOTTEN - timedelta(hours=2)) == 0
    assert world.work_through(FORGOTTEN) == 1
    assert world.records("late", Late) == {}


def test_an_ignored_change_that_comes_again_later_is_ignored_by_an_entry_of_its_own() -> None:
    world, leaves = acme().given(reported("ann")), left("ann", "admins")
    world.when(leaves, joined("ann", "admins"), leaves)
    entries = [entry for entry in world.all(AuditEntry) if entry.decision == "ignored"]
    assert len({entry.event_id for entry in entries}) == len(entries) == 2


def test_a_change_of_an_unknown_directory_cannot_be_decided() -> None:
    world = World().given(tenant())
    with pytest.raises(UndecidableError, match="create it, then replay"):
        world.when(reported("ann"))


def test_a_directory_of_another_tenant_is_unknown() -> None:
    world = acme().given(tenant("bolt", "Bolt"))
    with pytest.raises(UndecidableError, match="no directory directory_okta in tenant bolt"):
        world.when(reported("ann", tenant_id="bolt"))


def test_tenants_do_not_see_one_another() -> None:
    world = acme().given(tenant("bolt", "Bolt"), directory("directory_bolt", tenant_id="bolt"))
    world.when(reported("ann", directory="directory_bolt", tenant_id="bolt"))
    world.then()
    assert world.records("user", DirectoryUser) == {}
