"""A directory is switched to that replaces another, which is over then (access-rules §4)."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.access import NO_ACCESS
from schemas.changes import AnyChange
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.events import (
    MemberDeactivated,
    MemberProvisioned,
    MemberReactivated,
    MemberRoleChanged,
    MemberWorkspacesChanged,
    PersonDeprovisioned,
    PersonRestored,
)
from schemas.origin import Kind, OnDisconnect
from schemas.policy import Hold
from schemas.recorded import DirectoryRecorded, GroupRecorded, UserRecorded
from schemas.settings_changes import CreateDirectory, DisconnectDirectory
from tests.core.people import (
    NEW,
    People,
    at,
    compared,
    made,
    new,
    old,
    posted,
    replaces,
    switched,
    unlinked,
)
from tests.core.scenario import (
    DIRECTORY,
    access,
    asked,
    at_end,
    deactivated,
    grant,
    mode,
    reported,
    role,
    scim_changed,
    scim_deleted,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)
TESTED = Hold(reason="testing")


# --- switches


@pytest.mark.parametrize("kind", ["workos", "scim"])
@pytest.mark.parametrize("policy", ["keep", "deactivate"])
def test_of_who_is_in_both_the_new_one_alone_decides(kind: Kind, policy: OnDisconnect) -> None:
    world = compared(kind).given(at_end(policy))
    world.when(switched())
    world.work_through()
    assert world.access_of("ann", NEW) == access("member", grant("sales"))
    assert [each.member.display_name for each in world.all(MemberRoleChanged)] == ["Ann Lee"]
    assert len(world.all(MemberWorkspacesChanged)) == len(world.all(RefreshClaims)) == 1
    lost = [each.member.display_name for each in world.all(MemberDeactivated)]
    assert lost == ([] if policy == "keep" else ["Bo Lee"])
    world.sound()


@pytest.mark.parametrize("policy", ["keep", "deactivate"])
def test_who_is_only_in_the_old_one_stays_or_goes_as_its_end_says(policy: OnDisconnect) -> None:
    world = compared().given(at_end(policy), switched())
    has = access("member", grant("design", "viewer")) if policy == "keep" else NO_ACCESS
    assert world.access_of("bo") == has
    world.given(new("bo"))
    assert world.member_id("bo", NEW) == world.member_id("bo")
    world.sound()


def test_who_comes_after_the_switch_is_known_by_the_old_one_still() -> None:
    world = compared().given(switched(), new("bo"))
    assert world.access_of("bo", NEW) == access("member"), "and has no stale grants of it"
    world.sound()


@pytest.mark.parametrize("how", ["deactivated", "deleted"])
def test_whom_the_new_one_lets_go_has_nothing_left_of_the_old_one(how: str) -> None:
    world = compared().given(switched())
    gone = (
        scim_changed("new-ann", active=False) if how == "deactivated" else scim_deleted("new-ann")
    )
    world.when(at(gone, NEW))
    world.then(*CUT_OFF)
    assert world.the(RevokeSessions).reason == how
    world.sound()


@pytest.mark.parametrize("then", [[], [at(scim_deleted("new-ann"), NEW)]])
@pytest.mark.parametrize("name", ["ann", "x"])
def test_whom_the_new_one_has_inactive_has_nothing_left_of_the_old_one(
    name: str, then: list[AnyChange]
) -> None:
    inactive = posted(name, "ann@acme.example", as_user="new-ann", active=False)
    world = old().given(*made(), at(inactive, NEW))
    assert world.member("ann").applied == access("admin"), "as long as it is tested"
    world.when(switched(), *then)
    world.work_through()
    world.then(*CUT_OFF)
    assert world.member_id(name, NEW) == world.member_id("ann")
    world.sound()


def test_who_is_unlinked_from_the_new_one_has_nothing_left_of_the_old_one() -> None:
    world = compared().given(switched())
    ann = world.member_id("ann")
    world.given(unlinked(ann, NEW))
    assert world.by_id(ann).applied == access("member", grant("sales"))
    assert world.by_id(ann).external_ids == ()
    world.sound()


def test_whom_the_old_one_had_cut_off_gets_what_the_new_one_says() -> None:
    world = compared().given(deactivated("ann"))
    world.when(switched())
    world.work_through()
    world.then(MemberReactivated, PersonRestored)
    assert world.access_of("ann", NEW) == access("member", grant("sales"))
    world.sound()


def test_a_pause_of_the_old_one_holds_up_nobody_of_the_new_one() -> None:
    world = compared().given(mode("paused"), switched())
    assert world.access_of("ann", NEW) == access("member", grant("sales"))
    world.sound()


def test_new_people_join_with_the_switch() -> None:
    world = compared().given(new("cy"), new("di"), at(scim_changed("new-di", active=False), NEW))
    world.when(switched())
    world.work_through()
    assert [each.member.display_name for each in world.all(MemberProvisioned)] == ["Cy Lee"]
    world.sound()


def test_all_that_was_in_the_old_one_is_told_to_be_gone_once() -> None:
    world = compared()
    world.when(switched())
    world.work_through()
    users = [each for each in world.all(UserRecorded) if each.directory_id == DIRECTORY]
    assert sorted((each.user_id, each.deleted) for each in users) == [("ann", True), ("bo", True)]
    groups = {each.group_id for each in world.all(GroupRecorded)}
    assert groups == {"admins", "designers"}
    assert {(each.directory_id, each.mode, each.ended_at is not None) for each in told(world)} == {
        (DIRECTORY, "active", True),
        (NEW, "active", False),
    }
    assert world.sentences()[0] == (
        f"The directory {NEW} of Acme replaced Acme Okta, whose other people keep their access."
    )
    world.sound()


def told(world: People) -> list[DirectoryRecorded]:
    return world.all(DirectoryRecorded)


def test_switched_twice_is_switched_once() -> None:
    world = compared().given(switched())
    assert world.when(switched()).outcome == "repeat"
    assert world.answer()[0] == 200
    world.sound()


# --- who came before it was said whose place the new one takes


def before(name: str, email: str | None = None, **about: Any) -> People:
    """Somebody comes in a directory that is tested, and only then it is said what it replaces."""
    world = old().given(at_end("deactivate"))
    plain = CreateDirectory(**asked(directory_id=NEW, name="New"), kind="scim")
    world.given(plain, mode("testing", NEW), new(name, email, **about))
    return world


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("name", ["ann", "x"])
def test_nobody_is_doubled_however_soon_it_is_switched(waits: bool, name: str) -> None:
    world = before(name, "ann@acme.example")
    world.given(replaces(DIRECTORY)) if waits else world.when(replaces(DIRECTORY))
    world.when(switched())
    world.work_through()
    assert world.member_id(name, NEW) == world.member_id("ann")
    assert world.access_of("ann") == access("member")
    assert [each.member.display_name for each in world.all(MemberDeactivated)] == ["Bo Lee"]
    assert (world.all(MemberProvisioned), len(world.members())) == ([], 2)
    world.sound()


def test_who_had_no_access_in_the_test_is_not_doubled_either() -> None:
    world = old().given(role("member", 20, default=False))
    plain = CreateDirectory(**asked(directory_id=NEW, name="New"), kind="scim")
    world.given(plain, mode("testing", NEW), new("ann"))
    world.given(replaces(DIRECTORY), switched())
    assert world.member_id("ann", NEW) == world.member_id("ann")
    assert world.member("ann").applied == NO_ACCESS
    world.sound()


@pytest.mark.parametrize("was_active", [True, False])
@pytest.mark.parametrize("name", ["ann", "x"])
def test_who_was_inactive_before_it_was_said_is_cut_off_by_the_switch(
    was_active: bool, name: str
) -> None:
    world = before(name, "ann@acme.example", active=was_active)
    world.given(at(scim_changed(f"new-{name}", active=False), NEW))
    world.given(replaces(DIRECTORY), switched())
    assert world.member_id(name, NEW) == world.member_id("ann")
    assert world.member("ann").applied == NO_ACCESS
    world.sound()


def test_who_may_be_several_of_the_old_one_is_not_let_in() -> None:
    world = old().given(reported("annie", email="ann@acme.example"))
    plain = CreateDirectory(**asked(directory_id=NEW, name="New"), kind="scim")
    world.given(plain, mode("testing", NEW), new("x", "ann@acme.example"))
    world.given(replaces(DIRECTORY), switched())
    rivals = {world.member_id("ann"), world.member_id("annie")}
    assert set(world.by_id(world.waiting()).rivals) == rivals
    world.sound()


# --- what is refused


def test_what_replaces_nothing_cannot_be_switched_to() -> None:
    world = old()
    plain = CreateDirectory(**asked(directory_id=NEW, name="New"), kind="scim")
    world.given(plain)
    assert world.refusal(switched()) == (409, "replaces_nothing")
    assert world.refusal(switched("nowhere")) == (404, "unknown_directory")
    assert world.refusal(replaces("nowhere")) == (404, "unknown_directory")
    assert world.refusal(replaces(NEW)) == (404, "unknown_directory")
    world.sound()


def test_only_one_takes_the_place_of_another() -> None:
    world = compared().given(*made("third", DIRECTORY), switched())
    assert world.refusal(switched("third")) == (409, "replaced")
    fourth = CreateDirectory(**asked(directory_id="fourth", name="Fourth", replaces=DIRECTORY))
    assert world.refusal(fourth) == (409, "replaced")
    assert world.refusal(replaces(DIRECTORY, "third"))[0] in {200, 409}
    world.sound()


def test_what_was_switched_to_takes_nobody_elses_place() -> None:
    world = old("scim").given(*made(), new("ann"), switched())
    third = CreateDirectory(**asked(directory_id="third", name="Third"), kind="scim")
    assert world.given(third).refusal(replaces("third", NEW)) == (409, "switched")
    ann = world.member_id("ann")
    world.given(unlinked(ann, NEW))
    assert world.by_id(ann).applied == access("member"), "and nothing rises again"
    world.sound()


def test_what_is_there_replaces_nothing_by_being_made_again() -> None:
    world = old()
    plain = CreateDirectory(**asked(directory_id=NEW, name="New"), kind="scim")
    again = CreateDirectory(**asked(directory_id=NEW, name="New", replaces=DIRECTORY), kind="scim")
    assert world.given(plain).refusal(again) == (409, "taken")
    assert world.refusal(replaces(DIRECTORY)) == (409, "not_testing")
    world.given(mode("testing", NEW), replaces(DIRECTORY))
    for same in (plain, again):
        world.when(replace(same, change_id=asked()["change_id"]))
        assert world.answer()[0] == 200
    world.sound()


def test_what_has_ended_takes_nobodys_place() -> None:
    world = compared().given(DisconnectDirectory(**asked(), directory_id=NEW))
    assert world.refusal(switched()) == (409, "replaces_nothing")
    assert world.access_of("bo") == access("member", grant("design", "viewer"))
    world.sound()
