"""A directory ends: all that was in it is gone, and its people stay or go as the policy says."""

from collections import Counter
from collections.abc import Callable

import pytest

from schemas import limits
from schemas.changes import AnyReportedChange
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.events import (
    AuditEntry,
    MemberDeactivated,
    MemberReactivated,
    MemberRoleChanged,
    PersonDeprovisioned,
    PersonRestored,
)
from schemas.origin import OnDisconnect
from schemas.recorded import (
    DirectoryRecorded,
    GroupRecorded,
    MembershipRecorded,
    UserRecorded,
)
from schemas.state import Directory
from tests.core import folding
from tests.core.scenario import (
    CROWD,
    DIRECTORY,
    World,
    access,
    acme,
    at_end,
    connected,
    crowd,
    crowded,
    deactivated,
    deleted,
    directory,
    directory_deleted,
    grant,
    group,
    group_deleted,
    joined,
    left,
    mapping,
    noted,
    reported,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)
BACK = (MemberReactivated, PersonRestored)


def peopled() -> World:
    """Ann is admin and bo a designer, di is gone; ghost was never reported."""
    return acme().given(
        reported("ann"),
        joined("ann", "admins"),
        reported("bo"),
        joined("bo", "designers"),
        joined("bo", "admins"),
        left("bo", "admins"),
        joined("ghost", "admins"),
        reported("cy", active=False),
        reported("di"),
        deleted("di"),
        group("staff", "Staff"),
        group_deleted("staff"),
    )


def ended(policy: OnDisconnect) -> World:
    """Ann was admin when the directory ended."""
    world = acme().given(reported("ann"), joined("ann", "admins"), at_end(policy))
    return world.given(directory_deleted())


# --- what is told


def test_all_that_was_there_is_told_to_be_gone_once() -> None:
    world = peopled()
    world.when(directory_deleted())
    assert [type(output) for output in world.outputs] == [DirectoryRecorded, AuditEntry]
    world.work_through()
    users, groups = world.all(UserRecorded), world.all(GroupRecorded)
    assert sorted(event.user_id for event in users) == ["ann", "bo", "cy"]
    assert {(event.deleted, event.active) for event in users} == {(True, False)}
    assert sorted((e.group_id, e.deleted) for e in groups) == [
        ("admins", True),
        ("designers", True),
    ]
    assert sorted((e.user_id, e.group_id, e.present) for e in world.all(MembershipRecorded)) == [
        ("ann", "admins", False),
        ("bo", "designers", False),
        ("ghost", "admins", False),
    ]
    assert max(Counter(output.event_id for output in world.outputs).values()) == 1


def test_the_records_keep_what_the_idp_said() -> None:
    world = peopled()
    kept = {key for key in world.store.values if not key.startswith(b"directory\0")}
    before = {key: world.store.values[key] for key in kept}
    world.given(directory_deleted())
    assert {key: world.store.values[key] for key in kept} == before
    assert set(world.store.values) - kept == {b"directory\0acme\0directory_okta"}


def test_another_directory_of_the_tenant_is_left_alone() -> None:
    elsewhere = "directory_okta2"  # begins like the one that ends
    world = acme().given(directory(elsewhere, "Acme Two"), at_end("deactivate"))
    world.given(reported("ann", directory=elsewhere), joined("ann", "g", directory=elsewhere))
    world.when(directory_deleted())
    world.work_through()
    world.then()
    assert [*world.all(UserRecorded), *world.all(MembershipRecorded)] == []


def test_a_second_end_tells_only_what_came_since_the_first() -> None:
    world = peopled().given(directory_deleted(), reported("bo"), joined("bo", "admins"))
    world.when(directory_deleted())
    world.work_through()
    assert [event.user_id for event in world.all(UserRecorded)] == ["bo"]
    assert [event.group_id for event in world.all(MembershipRecorded)] == ["admins"]
    assert world.all(GroupRecorded) == []


def test_a_directory_of_many_ends_in_chunks() -> None:
    world = crowded().given(at_end("deactivate"))
    decision = world.when(directory_deleted())
    assert len(decision.writes) == 2, "the directory, and the work"
    assert world.work_through() == 4, "three of users, one of groups"
    for kind in (UserRecorded, MembershipRecorded, RevokeSessions):
        assert len(world.all(kind)) == CROWD
    assert {event.reason for event in world.all(RevokeSessions)} == {"disconnected"}


def test_a_chunk_takes_no_more_than_its_limit() -> None:
    world = crowded()
    world.when(directory_deleted())
    world.outputs.clear()
    world.work_once()
    assert len(world.all(UserRecorded)) == limits.MEMBERS_PER_CHUNK


def test_many_who_were_never_reported_go_in_chunks_too() -> None:
    world = acme()
    for name in crowd():
        world.when(joined(name, "admins"), joined(name, "designers"))
    world.when(directory_deleted())
    assert world.work_through() == 4
    gone = [(event.user_id, event.group_id) for event in world.all(MembershipRecorded)]
    assert len(gone) == len(set(gone)) == 2 * CROWD


@pytest.mark.parametrize("user_id", ["p0003", "p0200"], ids=["done", "not yet done"])
def test_who_is_reported_again_between_two_chunks_is_back(user_id: str) -> None:
    world = crowded().given(at_end("deactivate"))
    world.when(directory_deleted())
    world.work_once()
    told = world.outputs
    world.when(reported(user_id), joined(user_id, "admins"), group("admins", "Admins"))
    world.work_through()
    told += world.outputs
    assert folding.active_users(told) == {(DIRECTORY, user_id)}
    assert folding.memberships(told) == {(DIRECTORY, "admins", user_id)}
    assert folding.groups(told) == {(DIRECTORY, "admins"): "Admins"}
    assert world.access_of(user_id) == access("admin")


def test_who_leaves_between_two_chunks_is_cut_off_once() -> None:
    world = crowded().given(at_end("deactivate"))
    world.when(directory_deleted(), deactivated(crowd()[-1]))
    world.work_through()
    cut_off = Counter(event.member.member_id for event in world.all(RevokeSessions))
    assert (len(cut_off), max(cut_off.values())) == (CROWD, 1)


# --- access


def test_people_keep_their_access_as_they_have_it() -> None:
    world = peopled()
    world.when(directory_deleted())
    world.work_through()
    world.then()
    assert world.access_of("ann") == access("admin")
    assert world.sentences() == [
        "The directory Acme Okta was deleted; its people keep their access."
    ]


def test_people_lose_their_access_where_the_policy_says_so() -> None:
    world = acme().given(reported("ann"), at_end("deactivate"))
    world.when(directory_deleted())
    world.work_through()
    world.then(*CUT_OFF)
    assert world.the(MemberDeactivated).reason == "disconnected"
    assert world.the(PersonDeprovisioned).because.name == "Acme Okta"
    assert world.the(RevokeSessions).reason == "disconnected"
    assert world.sentences() == [
        "The directory Acme Okta was deleted; its people lose their access.",
        "Ann Lee lost all access because the directory Acme Okta was deleted.",
    ]


def test_the_product_may_still_change_what_is_kept() -> None:
    world = ended("keep")
    world.when(mapping("admins", "viewer"))
    world.work_through()
    assert world.access_of("ann") == access("viewer")


@pytest.mark.parametrize(
    ("departs", "reason"), [(deactivated, "deactivated"), (deleted, "deleted")]
)
def test_a_departure_from_before_the_end_cuts_off_after_it(
    departs: Callable[[str], AnyReportedChange], reason: str
) -> None:
    world = acme().given(reported("ann"))
    departure = departs("ann")
    world.given(directory_deleted())
    world.when(departure)
    world.then(*CUT_OFF)
    assert world.the(PersonDeprovisioned).reason == reason
    assert world.the(UserRecorded).deleted


def test_leaving_a_group_before_the_end_counts_after_it() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    leaves = left("ann", "admins")
    world.given(directory_deleted())
    world.when(leaves)
    assert world.access_of("ann") == access("member")


@pytest.mark.parametrize(("policy", "standing"), [("keep", "active"), ("deactivate", "none")])
def test_what_comes_late_is_as_if_it_had_come_in_time(policy: OnDisconnect, standing: str) -> None:
    world = acme().given(at_end(policy))
    late = (reported("ann"), joined("ann", "admins"), group("staff", "Staff"))
    world.given(directory_deleted())
    world.when(*late)
    assert world.the(UserRecorded).deleted
    assert not world.the(UserRecorded).active
    assert world.the(GroupRecorded).deleted
    assert world.all(MembershipRecorded) == []
    assert world.member("ann").applied.standing == standing
    assert world.access_of("ann").role == ("admin" if policy == "keep" else None)


# --- after the end


def test_who_is_reported_after_the_end_is_managed_again() -> None:
    world = ended("keep")
    world.when(reported("ann"))
    world.then(MemberRoleChanged, RefreshClaims)
    assert world.access_of("ann") == access("member"), "the old memberships are gone"
    world.when(joined("ann", "admins"))
    world.then(MemberRoleChanged)
    assert world.the(MembershipRecorded).present
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)


def test_who_is_reported_after_the_end_gets_access_back() -> None:
    world = ended("deactivate")
    member_id = world.member_id("ann")
    world.when(connected(), reported("ann"), joined("ann", "admins"))
    world.then(*BACK, MemberRoleChanged)
    assert world.the(MemberReactivated).member.member_id == member_id
    assert world.access_of("ann") == access("admin")
    assert world.all(UserRecorded)[-1].active


def test_a_return_under_a_new_user_id_after_the_end_is_the_same_member() -> None:
    world = ended("deactivate")
    world.when(reported("ann", as_user="ann-2"))
    world.then(*BACK)
    world.when(deactivated("ann", as_user="ann-2"))
    assert world.the(PersonDeprovisioned).reason == "deactivated"


def test_an_end_that_later_reports_overtook_ends_what_was_before_them() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"), joined("ann", "designers"))
    gone = directory_deleted()
    world.given(connected(), reported("ann"), joined("ann", "designers"))
    world.when(gone)
    assert world.the(DirectoryRecorded).connected
    world.work_through()
    assert world.all(UserRecorded) == []
    assert [event.group_id for event in world.all(MembershipRecorded)] == ["admins"]
    assert world.access_of("ann") == access("member", grant("design", "viewer"))


def test_another_policy_after_the_end_decides_about_people_anew() -> None:
    world = ended("keep")
    world.when(at_end("deactivate"))
    world.work_through()
    world.then(*CUT_OFF)
    assert world.the(PersonDeprovisioned).reason == "disconnected"
    assert world.sentences()[-1] == (
        "Ann Lee lost all access because people of Acme Okta lose their access when it ends."
    )
    world.when(at_end("keep"))
    world.work_through()
    world.then(*BACK)
    assert world.access_of("ann") == access("admin")
    assert [*world.all(UserRecorded), *world.all(GroupRecorded)] == []
    assert world.all(MembershipRecorded) == []


# --- the directory itself


def test_a_directory_is_connected_and_disconnected_and_nobodys_access_moves() -> None:
    world = acme().given(at_end("deactivate"), reported("ann"))
    world.when(connected(now=False))
    assert not world.the(DirectoryRecorded).connected
    assert world.sentences() == ["Okta was disconnected at WorkOS; nobody's access changed."]
    world.when(connected())
    assert world.the(DirectoryRecorded).connected
    assert world.sentences() == ["Okta was connected."]
    assert world.work_through() == 0
    assert world.access_of("ann") == access("member")


def test_a_directory_stands_as_the_newest_report_says() -> None:
    world = acme()
    older, gone = connected(), directory_deleted()
    world.given(directory_deleted())
    before = world.records("directory", Directory)
    assert world.when(older).outcome == "late"
    assert world.sentences() == [
        "Ignored an older report about the directory Acme Okta: something newer is already known."
    ]
    assert world.when(gone).outcome == "late"
    assert world.sentences() == [
        "Ignored an older deletion of the directory Acme Okta: something newer is already known."
    ]
    assert world.records("directory", Directory) == before
    assert not before[DIRECTORY,].connected


def test_what_changes_nothing_is_said_once() -> None:
    world, strange = acme(), noted("unknown_event", "dsync.moved")
    world.when(strange, noted("token_created", "a1b2"), noted("token_revoked", "a1b2"))
    assert world.sentences() == [
        "Okta sent dsync.moved, which Rollcall does not know.",
        "A token of Okta that ends in a1b2 was created.",
        "A token of Okta that ends in a1b2 was revoked.",
    ]
    decisions = [entry.decision for entry in world.all(AuditEntry)]
    assert decisions == ["ignored", "changed", "changed"]
    assert world.when(strange).outcome == "repeat"
    assert world.outputs == []
