"""Many who lose access at once, and what administrators say about what is on hold."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import limits
from schemas.access import NO_ACCESS
from schemas.commands import RevokeSessions
from schemas.events import (
    AuditEntry,
    MemberProvisioned,
    MemberRoleChanged,
)
from schemas.policy import Hold
from schemas.recorded import ChangeSettled, HoldRecorded, UserRecorded
from schemas.settings_changes import DisconnectDirectory
from schemas.settings_state import Headcount, Held, headcount_key
from schemas.state import DirectoryUser
from tests.core.scenario import (
    CROWD,
    DIRECTORY,
    TENANT,
    World,
    access,
    acme,
    asked,
    at_end,
    crowd,
    crowded,
    deactivated,
    group_deleted,
    joined,
    left,
    mapping,
    mode,
    policy,
    reported,
    role,
    ruled,
    scim_changed,
    scim_members,
    tenant,
)
from tests.core.test_gates import CUT_OFF, LOGGED_OUT, guarded, guarded_scim, held

PEOPLE = crowd(20)
"""A tenth of them is less than `limits.BREAKER_LEAST`."""
TOO_MANY = limits.BREAKER_LEAST + 1
LATER = timedelta(minutes=limits.BREAKER_MINUTES, seconds=1)


def company(breaker: str = "hold", size: int = len(PEOPLE)) -> World:
    return crowded(size).given(policy(breaker=breaker))


def broken() -> World:
    """All but one of those who left are cut off; the last of them is held."""
    return company().given(*[deactivated(name) for name in PEOPLE[:TOO_MANY]])


def headcount(world: World) -> Headcount:
    found = world.state.get(headcount_key(TENANT), Headcount)
    assert found is not None
    return found


def on_hold(world: World) -> int:
    return len(world.records("held", Held))


def hold_of(world: World, name: str) -> Hold | None:
    return world.member(name).hold


def says(world: World, name: str, ruling: Any) -> tuple[int, str | None]:
    """An administrator rules; status and error."""
    asked = ruled(world.member_id(name), ruling)
    world.when(asked)
    status, body = world.answer()
    assert status != 200 or body == {"member_id": asked.member_id, "ruling": ruling}
    return status, body.get("error")


# --- the breaker


def test_those_cut_off_stay_so_and_the_rest_is_held() -> None:
    world = company()
    world.when(*[deactivated(name) for name in PEOPLE[: TOO_MANY + 1]])
    assert len(world.all(RevokeSessions)) == limits.BREAKER_LEAST
    for name in PEOPLE[limits.BREAKER_LEAST : TOO_MANY + 1]:
        assert held(world, name) == (access("admin"), "breaker")
    assert world.sentences()[-1] == (
        "P0006 Lee would lose all access because Okta deactivated them; it is held: too many people"
        " lose access at once."
    )
    assert headcount(world).with_access == len(PEOPLE) - limits.BREAKER_LEAST


def test_a_tenth_of_many_may_go(monkeypatch: pytest.MonkeyPatch) -> None:
    world = company(size=79)
    world.when(group_deleted("admins"))
    world.work_through()
    assert (len(world.all(RevokeSessions)), on_hold(world)) == (7, 72)
    monkeypatch.setattr(limits, "BREAKER_PEOPLE", 6)
    world = company(size=79)
    world.when(group_deleted("admins"))
    world.work_through()
    assert (len(world.all(RevokeSessions)), on_hold(world)) == (6, 73)


def test_it_trips_in_the_middle_of_a_group_that_ends_in_chunks() -> None:
    world = company(size=CROWD)
    world.when(group_deleted("admins"))
    assert world.work_through() == 3
    most = CROWD * limits.BREAKER_SHARE // 100
    assert most < limits.MEMBERS_PER_CHUNK
    assert (len(world.all(RevokeSessions)), on_hold(world)) == (most, CROWD - most)
    assert headcount(world).with_access == CROWD - most
    assert len(headcount(world).lost) == limits.BREAKER_PEOPLE + 1, "no record grows"
    assert len({output.event_id for output in world.outputs}) == len(world.outputs)


def test_who_only_loses_a_role_or_a_workspace_is_no_loss() -> None:
    world = company().given(role("member", 20, default=True))
    world.when(group_deleted("admins"))
    world.work_through()
    assert len(world.all(MemberRoleChanged)) == len(PEOPLE)
    assert on_hold(world) == len(headcount(world).lost) == 0


def test_after_a_while_others_may_go_and_who_is_held_stays_so() -> None:
    world = broken()
    world.now += LATER
    world.when(deactivated(PEOPLE[-1]), deactivated(PEOPLE[TOO_MANY - 1]))
    assert len(world.all(RevokeSessions)) == 1
    assert held(world, PEOPLE[TOO_MANY - 1]) == (access("admin"), "breaker")


def test_as_long_as_people_are_to_go_it_stays_tripped() -> None:
    world = company()
    for minute in range(3 * limits.BREAKER_MINUTES):
        world.now += timedelta(minutes=1)
        world.given(deactivated(PEOPLE[min(minute // 2, len(PEOPLE) - 1)]))
    assert on_hold(world) == 0, "one in two minutes"
    world = broken()
    for name in PEOPLE[TOO_MANY:]:
        world.now += timedelta(minutes=1)
        world.given(deactivated(name))
    assert on_hold(world) == len(PEOPLE) - limits.BREAKER_LEAST


def test_who_is_said_to_be_active_again_is_not_held_any_more() -> None:
    world = broken()
    world.when(reported(PEOPLE[TOO_MANY - 1]))
    world.then()
    assert world.access_of(PEOPLE[TOO_MANY - 1]) == access("admin")
    assert world.the(HoldRecorded).reason is None


def test_the_end_of_the_policy_lets_all_go() -> None:
    world = broken()
    world.when(policy(breaker="off"))
    world.work_through()
    world.then(*CUT_OFF)
    assert on_hold(world) == 0


def test_an_alert_is_told_once_and_holds_nothing() -> None:
    world = company("alert")
    world.when(*[deactivated(name) for name in PEOPLE[:-2]])
    assert (len(world.all(RevokeSessions)), on_hold(world)) == (len(PEOPLE) - 2, 0)
    (alert,) = [entry for entry in world.all(AuditEntry) if entry.subject == "tenant/acme"]
    assert alert.decision == "ignored"
    assert alert.sentence == (
        "6 people lost access within 10 minutes, which is more than the breaker lets go; nothing is"
        " held, because it only alerts."
    )


def test_the_last_admin_is_no_matter_of_the_breaker() -> None:
    world = guarded().given(policy(breaker="hold"), *[reported(name) for name in PEOPLE])
    world.given(*[deactivated(name) for name in PEOPLE[:TOO_MANY]])
    world.when(deactivated("ann"))
    world.then(*LOGGED_OUT)
    assert (held(world, "ann"), on_hold(world)) == ((access("admin"), "sole_admin"), 2)


def test_people_of_another_tenant_trip_nothing() -> None:
    world = company().given(*[deactivated(name) for name in PEOPLE[: limits.BREAKER_LEAST]])
    world.given(tenant("bolt", "Bolt"), policy("bolt", breaker="hold"))
    assert world.state.get(headcount_key("bolt"), Headcount) is None
    assert on_hold(world) == 0


# --- what an administrator says


def test_one_who_really_leaves_is_approved_alone() -> None:
    world = broken().given(deactivated(PEOPLE[-1]))
    assert says(world, PEOPLE[-1], "approve") == (200, None)
    world.then(*CUT_OFF)
    assert [entry.actor for entry in world.all(AuditEntry)] == ["admin-api"] * 2
    assert world.sentences() == [
        "P0019 Lee lost all access because an administrator approved it.",
        "Nothing of P0019 Lee is on hold any more because an administrator approved it.",
    ]
    assert on_hold(world) == 1
    assert says(world, PEOPLE[-1], "approve") == (404, "no_hold")


def test_what_is_approved_does_not_count() -> None:
    world = broken()
    before = headcount(world).lost
    assert says(world, PEOPLE[TOO_MANY - 1], "approve") == (200, None)
    assert headcount(world).lost == before


def test_what_is_discarded_stays_until_the_idp_says_active_and_inactive_again() -> None:
    world, name = broken(), PEOPLE[TOO_MANY - 1]
    assert says(world, name, "discard") == (200, None)
    world.then()
    because = "because an administrator discarded it."
    sentence = f"{name.title()} Lee would lose all access; it is not applied {because}"
    assert world.sentences() == [sentence]
    assert world.the(HoldRecorded).discarded
    assert says(world, name, "discard") == (200, None)
    assert world.outputs == world.all(ChangeSettled)
    world.now += LATER
    world.when(deactivated(name), policy(breaker="off"))
    world.work_through()
    world.then()
    assert (held(world, name), hold_of(world, name)) == (
        (access("admin"), "breaker"),
        Hold(reason="breaker", discarded=True),
    )
    world.when(reported(name), deactivated(name))
    world.then(*CUT_OFF)


def test_what_is_discarded_is_over_when_the_idp_wants_less_than_before() -> None:
    world, name = broken(), PEOPLE[TOO_MANY - 1]
    assert says(world, name, "discard") == (200, None)
    world.given(mapping("viewers", "viewer"), left(name, "admins"), joined(name, "viewers"))
    world.when(reported(name))
    assert world.access_of(name) == access("viewer")
    world.when(deactivated(name))
    assert hold_of(world, name) == Hold(reason="breaker")


def test_what_was_discarded_can_be_approved() -> None:
    world, name = broken(), PEOPLE[TOO_MANY - 1]
    assert says(world, name, "discard") == says(world, name, "approve") == (200, None)
    assert held(world, name) == (NO_ACCESS, None)


def test_who_is_approved_in_testing_does_not_wait_for_the_activation() -> None:
    world = acme().given(mode("testing"), reported("ann"), reported("bo"))
    assert says(world, "ann", "approve") == (200, None)
    world.then(MemberProvisioned)
    assert says(world, "bo", "discard") == (200, None)
    world.when(mode("active"))
    world.work_through()
    world.then()
    assert held(world, "bo") == (NO_ACCESS, "testing")


def test_an_explicit_word_cuts_off_the_last_admin() -> None:
    world = guarded_scim().given(scim_changed("ann", active=False))
    assert says(world, "ann", "approve") == (200, None)
    world.then(*CUT_OFF)
    world.outputs = []
    world.work_through()
    assert (world.the(UserRecorded).active, world.the(UserRecorded).leaving) == (False, False)
    assert world.sentences() == ["Okta deactivated Ann Lee."]


def test_in_a_directory_that_ended_nothing_more_is_written() -> None:
    world = guarded_scim().given(scim_changed("ann", active=False), at_end("deactivate"))
    world.given(DisconnectDirectory(**asked(), directory_id=DIRECTORY))
    assert says(world, "ann", "approve") == (200, None)
    world.then(*CUT_OFF)
    world.work_through()
    assert world.all(UserRecorded) == []


def test_the_last_admin_whose_departure_is_discarded_stays_though_another_exists() -> None:
    world = guarded_scim().given(scim_changed("ann", active=False))
    assert says(world, "ann", "discard") == (200, None)
    world.then()
    world.when(scim_changed("ann", active=False))
    assert world.answer()[1]["detail"] == (
        "Ann Lee is the last administrator of Acme in this product, and an administrator decided"
        " that the deactivation is not applied."
    )
    world.when(scim_members("admins", "bo"))
    world.work_through()
    assert held(world, "ann") == (access("admin"), "sole_admin")


def test_who_takes_a_departure_back_is_another_admin_for_who_waits() -> None:
    world = guarded_scim().given(scim_changed("ann", active=False))
    assert says(world, "ann", "discard") == (200, None)
    world.given(scim_members("admins", "bo"), scim_changed("bo", active=False))
    assert held(world, "bo") == (access("admin"), "sole_admin"), "ann is to go, if not now"
    world.when(scim_changed("ann", active=True))
    world.work_through()
    world.then(*CUT_OFF)
    assert (held(world, "bo"), held(world, "ann")[1]) == ((NO_ACCESS, None), None)


def test_a_departure_that_was_taken_back_and_waits_again_is_not_applied_by_what_was_left() -> None:
    world = guarded_scim().given(scim_changed("ann", active=False))
    world.when(scim_members("admins", "bo"))
    world.work_once()  # lets her go; that she is to become inactive is left
    world.when(scim_changed("ann", active=True), scim_members("admins", removed=("bo",)))
    world.when(scim_changed("ann", active=False))
    assert world.answer()[0] == 400
    assert world.work_through() == 1
    assert held(world, "ann") == (access("admin"), "sole_admin")
    assert world.records("user", DirectoryUser)[DIRECTORY, "ann"].active


def test_a_hold_that_begins_twice_for_one_cause_is_told_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MEMBERS_PER_CHUNK", 1)
    world = acme().given(reported("ann", as_user="u-1"), reported("ann", as_user="u-2"))
    world.given(joined("u-1", "leads"), joined("u-2", "leads"), mode("paused"))
    set_now = mapping("leads", "admin")
    world.when(set_now)
    world.work_once()
    (told,) = world.all(HoldRecorded)
    world.now += LATER  # what is left of the work comes before all that is set from now on
    world.when(mapping("leads"), reported("ann", as_user="u-1"), mapping("leads", "admin"))
    world.work_once()
    again = world.all(HoldRecorded)[-1]
    assert (told.cause, again.cause) == (set_now.change_id, set_now.change_id)
    assert told.event_id != again.event_id


def test_a_role_that_is_kept_by_discarding_does_not_keep_who_leaves() -> None:
    world = guarded().given(left("ann", "admins"))
    assert says(world, "ann", "discard") == (200, None)
    world.given(joined("bo", "admins"))
    assert held(world, "ann") == (access("admin"), "sole_admin")
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)


def test_past_the_breaker_the_last_admin_is_held_all_the_same() -> None:
    world = broken().given(policy(sole_admin="block"))
    world.given(*[deactivated(name) for name in PEOPLE])
    for name in PEOPLE[limits.BREAKER_LEAST : -1]:
        assert says(world, name, "approve") == (200, None)
    assert says(world, PEOPLE[-1], "approve") == (200, None)
    world.then(*LOGGED_OUT)
    assert held(world, PEOPLE[-1]) == (access("admin"), "sole_admin")


def test_a_ruling_names_a_hold_that_is_there() -> None:
    world = broken()
    assert says(world, PEOPLE[-1], "approve") == (404, "no_hold")
    assert says(world, PEOPLE[TOO_MANY - 1], "separate") == (409, "not_for_breaker")
    assert world.the(AuditEntry).decision == "refused"
    world.when(ruled("nobody", "approve"))
    assert world.answer()[0] == 404
