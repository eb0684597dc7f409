"""Who may be somebody whom the product already has waits on hold, and is told to nobody."""

from typing import Literal

import pytest

from schemas.access import NO_ACCESS
from schemas.changes import AnyChange
from schemas.events import (
    AccessEvent,
    AuditEntry,
    MemberProfileChanged,
    MemberProvisioned,
    MemberRoleChanged,
)
from schemas.origin import Kind
from schemas.policy import Hold
from schemas.recorded import HoldRecorded, UserRecorded
from schemas.state import DirectoryUser, UserKey
from tests.core.people import (
    NEW,
    People,
    domain,
    gone,
    has,
    in_doubt,
    known,
    linked,
    people,
    posted,
    settled,
    two,
    unlinked,
)
from tests.core.scenario import (
    DIRECTORY,
    access,
    at_end,
    deactivated,
    deleted,
    directory_deleted,
    idp_id,
    joined,
    left,
    mode,
    policy,
    reported,
    role,
    scim_changed,
    scim_deleted,
)

CONFLICT = Hold(reason="conflict")


def leaves_no_trace(world: People, waiting: str) -> None:
    """Nothing in the state names somebody who was on hold, and no event ever did."""
    world.sound()
    assert waiting not in world.members()
    assert [key for key in world.store.values if waiting.encode() in key] == []
    assert [value for value in world.store.values.values() if waiting.encode() in value] == []
    told = [each for each in world.said if isinstance(each, AccessEvent)]
    assert waiting not in {each.member.member_id for each in told}
    holds = [each for each in world.said if isinstance(each, HoldRecorded)]
    assert [each.reason for each in holds if each.member_id == waiting][-1] is None
    users = [each for each in world.said if isinstance(each, UserRecorded)]
    assert {each.user_id: each.member_id for each in users}.get("ann") != waiting


# --- shown with Link / Create / Ignore


def test_it_is_told_who_waits_and_who_they_may_be() -> None:
    world = known(verified=False)
    world.when(reported("ann"), reported("ann", last_name="Ray"))
    world.then()
    told = world.all(HoldRecorded)[-1]
    assert (told.reason, told.rivals) == ("conflict", (world.id_of("p-1"),))
    assert (told.display_name, told.desired) == ("Ann Ray", access("member"))
    assert len([each for each in world.said if isinstance(each, AuditEntry)]) > 0
    world.sound()


@pytest.mark.parametrize("kind", ["workos", "scim"])
def test_link(kind: Kind) -> None:
    world = in_doubt(kind)
    waiting = world.waiting()
    world.when(settled(waiting))
    world.then(MemberProfileChanged, MemberRoleChanged)
    assert world.answer()[1]["into"] == world.id_of("p-1") == world.member_id("ann")
    assert world.access_of("ann") == access("member")
    assert world.the(UserRecorded).member_id == world.id_of("p-1")
    leaves_no_trace(world, waiting)


def test_create() -> None:
    world = in_doubt()
    waiting = world.waiting()
    world.when(settled(waiting, "separate"))
    world.then(MemberProvisioned)
    assert world.member_id("ann") == waiting != world.id_of("p-1")
    assert world.product("p-1").applied == access("viewer")
    world.given(reported("ann", last_name="Ray"), domain())
    assert world.member_id("ann") == waiting
    world.sound()


def test_ignore() -> None:
    world = in_doubt()
    waiting = world.waiting()
    world.when(settled(waiting, "discard"))
    world.then()
    assert world.by_id(waiting).hold == Hold(reason="conflict", discarded=True)
    world.given(reported("ann", last_name="Ray"), joined("ann", "admins"), domain())
    world.given(has("p-1", "ann", external_id=idp_id("ann")))
    assert world.by_id(waiting).hold == Hold(reason="conflict", discarded=True)
    assert world.when(settled(waiting, "discard")).outcome == "repeat"
    world.sound()


def test_ignored_is_asked_anew_after_inactive_and_active_again() -> None:
    world = in_doubt()
    first = world.waiting()
    world.given(settled(first, "discard"), deactivated("ann"))
    leaves_no_trace(world, first)
    world.given(reported("ann"))
    assert world.by_id(world.waiting()).hold == CONFLICT
    world.sound()


def test_ignored_may_be_linked_after_all() -> None:
    world = in_doubt()
    waiting = world.waiting()
    world.given(settled(waiting, "discard"), settled(waiting))
    assert world.member_id("ann") == world.id_of("p-1")
    leaves_no_trace(world, waiting)


def test_twice_ruled_is_ruled_once() -> None:
    world = in_doubt()
    waiting = world.waiting()
    world.given(settled(waiting, "separate"))
    before = dict(world.store.values)
    assert world.refusal(settled(waiting, "separate")) == (404, "no_hold")
    assert world.refusal(settled(waiting)) == (404, "no_hold")
    world.then()
    assert world.store.values == before
    world.sound()


def test_of_several_an_administrator_says_which() -> None:
    world = known(verified=False).given(has("p-2", "ann", role="admin"), has("p-3", "bo"))
    world.given(reported("ann"))
    waiting = world.waiting()
    assert world.refusal(settled(waiting)) == (409, "several")
    assert world.refusal(settled(waiting, into=world.id_of("p-3"))) == (409, "several")
    assert world.refusal(settled(waiting, "separate", into=world.id_of("p-2"))) == (
        409,
        "no_choice",
    )
    world.when(settled(waiting, into=world.id_of("p-2")))
    assert world.member_id("ann") == world.id_of("p-2")
    assert world.product("p-1").applied == access("viewer")
    leaves_no_trace(world, waiting)


@pytest.mark.parametrize("now", ["testing", "paused"])
def test_who_waits_in_a_directory_that_moves_nobody_can_be_ruled_on_too(
    now: Literal["testing", "paused"],
) -> None:
    world = known(verified=False).given(mode(now), reported("ann"))
    waiting = world.waiting()
    assert world.by_id(waiting).hold == CONFLICT
    world.when(settled(waiting, "separate"))
    world.then()
    assert world.member("ann").hold == Hold(reason=now)
    world.given(mode("active"))
    assert world.access_of("ann") == access("member")
    world.sound()


def test_who_would_get_nothing_can_be_ruled_on_too() -> None:
    world = known(verified=False).given(role("member", 20), reported("ann"))
    waiting = world.waiting()
    assert (world.by_id(waiting).desired, world.by_id(waiting).hold) == (NO_ACCESS, CONFLICT)
    sentences = [each.sentence for each in world.said if isinstance(each, AuditEntry)]
    assert any(each.startswith("Ann Lee would get nothing because Okta") for each in sentences)
    world.given(settled(waiting, "separate"))
    assert world.member("ann").hold is None
    world.when(joined("ann", "admins"))
    world.then(MemberProvisioned)
    world.sound()


def test_no_gate_and_no_breaker_counts_who_waits() -> None:
    world = known(verified=False).given(policy(sole_admin="block", breaker="hold"))
    world.given(has("p-1", "ann", role="admin"), reported("ann"), joined("ann", "admins"))
    waiting = world.waiting()
    world.given(settled(waiting), deactivated("ann"))
    assert world.product("p-1").hold == Hold(reason="sole_admin")
    leaves_no_trace(world, waiting)


# --- what happens meanwhile


@pytest.mark.parametrize("kind", ["workos", "scim"])
@pytest.mark.parametrize("how", ["inactive", "deleted"])
def test_who_leaves_while_waiting_was_nobody_and_may_come_back(kind: Kind, how: str) -> None:
    world = in_doubt(kind)
    waiting = world.waiting()
    leave: AnyChange = deactivated("ann") if how == "inactive" else deleted("ann")
    back: AnyChange = reported("ann")
    if kind == "scim":
        leave = scim_changed("ann", active=False) if how == "inactive" else scim_deleted("ann")
        back = (
            scim_changed("ann", active=True) if how == "inactive" else posted("ann", as_user="a2")
        )
    world.when(leave)
    world.then()
    leaves_no_trace(world, waiting)
    assert [each for each in world.members().values() if each.hold] == []
    world.given(back)
    assert world.by_id(world.waiting()).hold == CONFLICT
    world.given(domain())
    assert world.member_id("ann") == world.id_of("p-1")
    world.sound()


def test_who_comes_back_in_a_domain_that_was_verified_meanwhile_is_linked() -> None:
    world = in_doubt().given(deactivated("ann"), domain(), reported("ann"))
    assert world.member_id("ann") == world.id_of("p-1")
    assert len(world.members()) == 1
    world.sound()


@pytest.mark.parametrize("policy", ["keep", "deactivate"])
def test_a_directory_that_ends_while_somebody_waits(policy: str) -> None:
    world = in_doubt().given(at_end("keep" if policy == "keep" else "deactivate"))
    waiting = world.waiting()
    world.given(directory_deleted())
    if policy == "deactivate":
        leaves_no_trace(world, waiting)
    else:
        world.given(settled(waiting))
        assert world.member_id("ann") == world.id_of("p-1")
    world.sound()


def test_groups_that_change_meanwhile_count_in_the_end() -> None:
    world = in_doubt().given(joined("ann", "admins"), joined("ann", "designers"))
    world.given(left("ann", "designers"))
    waiting = world.waiting()
    world.given(settled(waiting))
    assert world.access_of("ann") == access("admin")
    leaves_no_trace(world, waiting)


@pytest.mark.parametrize("kind", ["workos", "scim"])
def test_another_email_meanwhile_may_say_who_it_is(kind: Kind) -> None:
    world = in_doubt(kind).given(has("p-2", "bo", email="bo@bo.example"), domain("bo.example"))
    waiting = world.waiting()
    emails = [{"value": "bo@bo.example", "primary": True}]
    world.given(
        reported("ann", email="bo@bo.example")
        if kind == "workos"
        else scim_changed("ann", emails=emails)
    )
    assert world.member_id("ann") == world.id_of("p-2")
    leaves_no_trace(world, waiting)


def test_another_email_meanwhile_may_be_somebody_elses() -> None:
    world = in_doubt().given(has("p-2", "bo"), reported("ann", email="bo@acme.example"))
    waiting = world.waiting()
    assert world.by_id(waiting).rivals == (world.id_of("p-2"),)
    told = [each for each in world.said if isinstance(each, HoldRecorded)]
    assert told[-1].rivals == (world.id_of("p-2"),)
    world.given(reported("ann", email="ann@new.example"))
    assert world.member("ann").applied == access("member")
    assert world.member_id("ann") == waiting
    world.sound()


def test_another_external_id_meanwhile_may_say_who_it_is() -> None:
    world = known("scim", verified=False).given(has("p-2", "bo", external_id=idp_id("bo")))
    world.given(posted("ann"))
    waiting = world.waiting()
    world.given(scim_changed("ann", externalId=idp_id("bo")))
    assert world.member_id("bo") == world.id_of("p-2")
    leaves_no_trace(world, waiting)


def test_a_rival_that_is_removed_meanwhile_is_one_still() -> None:
    world = in_doubt().given(gone("p-1"))
    waiting = world.waiting()
    assert world.refusal(settled(waiting)) == (409, "linked")
    world.given(reported("ann", last_name="Ray"), domain())
    assert world.by_id(waiting).rivals == (world.id_of("p-1"),)
    world.given(settled(waiting, "separate"))
    assert world.access_of("ann") == access("member")
    assert world.member_id("ann") == waiting
    world.sound()


def test_a_rival_that_is_gone_meanwhile_is_none() -> None:
    world = two().given(mode("testing", NEW), domain(), reported("bob", directory=NEW))
    bob = "bob@acme.example"
    world.given(has("p-1", "zed", email="q@acme.example"), has("p-1", "zed", email=bob))
    world.given(reported("bobby", email=bob))
    gone_by_now, waiting = world.member_id("bob", NEW), world.waiting()
    world.given(linked(world.id_of("p-1"), "bob", NEW))
    assert world.refusal(settled(waiting, into=gone_by_now)) == (409, "linked")
    world.given(settled(waiting, into=world.id_of("p-1")))
    assert world.member_id("bobby") == world.id_of("p-1")
    world.sound()


def test_a_rival_that_somebody_else_of_the_directory_is_by_now_is_none() -> None:
    world = in_doubt().given(reported("annie"))
    waiting = world.waiting()
    world.given(linked(world.id_of("p-1"), "annie"))
    assert world.refusal(settled(waiting)) == (409, "linked")
    world.given(settled(waiting, "separate"))
    assert world.access_of("ann") == access("member")
    world.sound()


def test_a_rival_that_another_directory_links_meanwhile_is_one_still() -> None:
    world = two().given(has("p-1", "ann"), reported("ann"))
    waiting = world.waiting()
    world.given(reported("an", email="x@x.example", directory=NEW))
    world.given(linked(world.id_of("p-1"), "an", NEW), settled(waiting))
    assert world.member_id("ann") == world.member_id("an", NEW) == world.id_of("p-1")
    leaves_no_trace(world, waiting)


def test_a_domain_that_is_verified_settles_who_waits_for_it_and_nobody_else() -> None:
    world = in_doubt().given(has("p-2", "bo"), has("p-3", "bo"), reported("bo"))
    world.given(has("p-4", "cy", email="cy@cy.example"), reported("cy", email="cy@cy.example"))
    world.given(domain())
    assert world.member_id("ann") == world.id_of("p-1")
    waiting = {each.display_name for each in world.members().values() if each.rivals}
    assert waiting == {"Bo Lee", "Cy Lee"}
    world.sound()


def test_who_waits_may_be_linked_by_hand_to_anybody() -> None:
    world = in_doubt().given(has("p-2", "bo"))
    waiting = world.waiting()
    world.given(linked(world.id_of("p-2"), "ann"))
    assert world.member_id("ann") == world.id_of("p-2")
    leaves_no_trace(world, waiting)


def test_who_waits_is_no_member_to_link_to_to_unlink_or_to_name() -> None:
    world = in_doubt().given(reported("bo"))
    waiting = world.waiting()
    assert world.refusal(linked(waiting, "bo")) == (404, "unknown_member")
    assert world.refusal(unlinked(waiting)) == (404, "unknown_member")
    assert world.refusal(has("p-2", "bo", member_id=waiting)) == (404, "unknown_member")
    world.sound()


def test_one_person_under_two_user_ids_is_one_who_waits() -> None:
    world = in_doubt().given(reported("ann", as_user="ann-2"))
    waiting = world.waiting()
    world.given(deactivated("ann"))
    assert world.waiting() == waiting
    world.given(settled(waiting))
    keys = (UserKey(DIRECTORY, "ann"), UserKey(DIRECTORY, "ann-2"))
    assert world.product("p-1").users == keys
    assert {each.member_id for each in world.records("user", DirectoryUser).values()} == {
        world.id_of("p-1")
    }
    leaves_no_trace(world, waiting)


def test_late_and_repeated_reports_of_who_waits_change_nothing() -> None:
    older = reported("ann", email="old@acme.example")
    world = in_doubt()
    before, again = dict(world.store.values), reported("ann")
    world.given(again)
    waiting = world.waiting()
    world.given(again, older, again)
    assert world.waiting() == waiting
    assert world.by_id(waiting).email == "ann@acme.example"
    assert before.keys() <= world.store.values.keys()
    world.sound()


def test_nobody_waits_where_nobody_is_known() -> None:
    world = people()
    world.when(reported("ann"))
    world.then(MemberProvisioned)
    world.sound()
