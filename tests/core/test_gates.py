"""Why applied access lags behind desired access: one gate after the other, each with its reason."""

from typing import Any

import pytest

from schemas import limits
from schemas.access import NO_ACCESS, Access
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.events import (
    AuditEntry,
    MemberDeactivated,
    MemberProfileChanged,
    MemberProvisioned,
    MemberReactivated,
    MemberRoleChanged,
    MemberWorkspacesChanged,
    PersonDeprovisioned,
    PersonRestored,
)
from schemas.policy import HoldReason
from schemas.recorded import HoldRecorded, UserRecorded
from schemas.settings_state import Admin, Held
from tests.core.scenario import (
    CROWD,
    World,
    access,
    acme,
    crowd,
    deactivated,
    deleted,
    directory,
    grant,
    group_deleted,
    joined,
    left,
    mapping,
    mode,
    policy,
    records,
    reported,
    role,
    scim_changed,
    scim_created,
    scim_deleted,
    scim_members,
    tenant,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)
LOGGED_OUT = (RevokeSessions, MemberProfileChanged)
LAST = "it is held: the last administrator stays until another exists."
TESTED = "it is held: their directory is being tested."


def held(world: World, name: str) -> tuple[Access, HoldReason | None]:
    """What a person was told to have, and why not what is desired."""
    member = world.member(name)
    return member.applied, None if member.hold is None else member.hold.reason


def guarded() -> World:
    """Ann is the last administrator, and stays; Bo is somebody else."""
    world = acme().given(policy(sole_admin="block"), reported("ann"), joined("ann", "admins"))
    return world.given(reported("bo"))


def guarded_scim() -> World:
    """The same by SCIM."""
    world = acme("scim").given(policy(sole_admin="block"), scim_created("ann"), scim_created("bo"))
    return world.given(scim_members("admins", "ann"))


# --- the last administrator


def test_the_last_admin_stays_until_another_exists() -> None:
    world = guarded()
    world.when(deactivated("ann"))
    world.then(*LOGGED_OUT)
    assert held(world, "ann") == (access("admin"), "sole_admin")
    assert world.the(RevokeSessions).reason == "deactivated"
    assert world.sentences() == [
        f"Ann Lee would lose all access because Okta deactivated them; {LAST}"
    ]
    told, entry = world.the(HoldRecorded), world.the(AuditEntry)
    assert (told.reason, told.discarded, told.desired) == ("sole_admin", False, NO_ACCESS)
    assert (told.display_name, entry.decision) == ("Ann Lee", "held")
    world.when(joined("bo", "admins"))
    world.work_through()
    world.then(MemberRoleChanged, *CUT_OFF)
    assert held(world, "ann") == (NO_ACCESS, None)
    assert world.the(HoldRecorded).reason is None
    assert world.sentences() == [
        "Bo Lee became admin because Okta added them to Platform Admins.",
        "Ann Lee lost all access because Bo Lee is an administrator now.",
        "Nothing of Ann Lee is on hold any more because Bo Lee is an administrator now.",
    ]


def test_who_logs_in_after_the_hold_began_is_not_cut_off_with_those_before() -> None:
    world = guarded()
    before = world.member("ann").revision
    world.when(deactivated("ann"))
    assert world.the(RevokeSessions).revision == before < world.member("ann").revision


def test_what_is_held_already_is_told_once() -> None:
    world = guarded().given(deactivated("ann"))
    world.when(deactivated("ann"), mapping("leads", "viewer"))
    world.work_through()
    world.then()
    assert world.all(HoldRecorded) == []
    assert held(world, "ann") == (access("admin"), "sole_admin")


def test_without_the_policy_the_last_admin_goes() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)
    assert world.all(HoldRecorded) == []


def test_another_admin_lets_one_go() -> None:
    world = guarded().given(joined("bo", "admins"))
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)
    world.when(deactivated("bo"))
    assert held(world, "bo") == (access("admin"), "sole_admin")


def test_who_is_no_longer_admin_is_no_other_admin() -> None:
    world = guarded().given(joined("bo", "admins"), left("bo", "admins"))
    assert list(world.records("admin", Admin)) == [(world.member_id("ann"),)]
    world.when(deactivated("ann"))
    assert held(world, "ann") == (access("admin"), "sole_admin")


def test_an_admin_of_another_tenant_is_no_other_admin() -> None:
    world = guarded().given(tenant("bolt", "Bolt"), directory("d-9", tenant_id="bolt"))
    world.given(role("admin", 30, admin=True, default=True, tenant_id="bolt"))
    world.given(reported("bo", directory="d-9", tenant_id="bolt"))
    assert len(records(world.state, "bolt", "admin", Admin)) == 1
    world.when(deactivated("ann"))
    assert held(world, "ann") == (access("admin"), "sole_admin")


@pytest.mark.parametrize("by", ["deactivation", "deletion", "end of the group"])
def test_two_admins_who_leave_at_once_leave_one_behind(by: str) -> None:
    world = guarded().given(joined("bo", "admins"))
    match by:
        case "deactivation":
            world.when(deactivated("ann"), deactivated("bo"))
        case "deletion":
            world.when(deleted("ann"), deleted("bo"))
        case _:
            world.when(group_deleted("admins"))
    world.work_through()
    left_behind = [name for name in ("ann", "bo") if held(world, name)[0] == access("admin")]
    assert len(left_behind) == 1
    assert held(world, left_behind[0])[1] == "sole_admin"


def test_who_goes_while_another_waits_to_go_leaves_one_behind() -> None:
    world = guarded().given(deactivated("ann"))
    world.when(joined("bo", "admins"), deactivated("bo"))
    assert held(world, "bo") == (access("admin"), "sole_admin"), "ann does not count"
    world.work_through()
    assert sorted(held(world, name)[1] is None for name in ("ann", "bo")) == [False, True]
    assert len(world.records("admin", Admin)) == 1


def test_of_who_stays_only_the_loss_of_the_role_is_held() -> None:
    world = guarded().given(joined("ann", "designers"))
    world.when(left("ann", "admins"), left("ann", "designers"))
    world.then(MemberWorkspacesChanged)
    assert held(world, "ann") == (access("admin"), "sole_admin")
    because = "Okta removed them from Platform Admins"
    assert world.sentences()[0] == f"Ann Lee would become member because {because}; {LAST}"
    world.when(joined("bo", "admins"))
    world.work_through()
    world.then(MemberRoleChanged, MemberRoleChanged, RefreshClaims)
    assert world.access_of("ann") == access("member")


def test_who_would_stay_and_then_is_to_go_has_to_log_in_again() -> None:
    world = guarded().given(left("ann", "admins"))
    world.when(deactivated("ann"))
    world.then(*LOGGED_OUT)
    assert world.the(HoldRecorded).desired == NO_ACCESS


def test_the_end_of_the_policy_ends_the_hold() -> None:
    world = guarded().given(deactivated("ann"))
    world.when(policy(sole_admin="allow"))
    world.work_through()
    world.then(*CUT_OFF)
    assert (world.records("held", Held), world.records("admin", Admin)) == ({}, {})


# --- the last administrator, by SCIM


def test_a_client_is_told_why_the_last_admin_stays_and_what_to_do() -> None:
    world = guarded_scim()
    world.when(scim_changed("ann", active=False))
    world.then(*LOGGED_OUT)
    status, body = world.answer()
    assert (status, body["error"]) == (400, "mutability")
    assert body["detail"] == (
        "Ann Lee is the last administrator of Acme in this product, so the deactivation waits:"
        " make someone else administrator (an admin role through a mapped group), and it is"
        " applied by itself. Sessions and API keys were ended now."
    )
    told = world.the(UserRecorded)
    assert (told.active, told.leaving) == (True, True)
    assert held(world, "ann") == (access("admin"), "sole_admin")
    world.when(scim_changed("ann", active=False))
    world.then()
    assert world.answer() == (status, body)
    assert world.all(HoldRecorded) == []
    assert world.the(UserRecorded).leaving, "with a new stamp, so what came before is outdated"


@pytest.mark.parametrize("wish", ["deactivated", "deleted"])
def test_a_departure_that_waited_is_applied_by_itself(wish: str) -> None:
    world = guarded_scim()
    asked = scim_changed("ann", active=False) if wish == "deactivated" else scim_deleted("ann")
    world.when(asked)
    assert world.answer()[0] == 400
    world.when(scim_members("admins", "bo"))
    world.work_through()
    world.then(MemberRoleChanged, *CUT_OFF)
    assert world.the(MemberDeactivated).reason == wish
    told = world.the(UserRecorded)
    assert (told.active, told.leaving, told.deleted) == (False, False, wish == "deleted")
    assert f"Okta {wish} Ann Lee." in world.sentences()
    assert held(world, "ann") == (NO_ACCESS, None)
    world.when(scim_created("ann", as_user="ann-2" if wish == "deleted" else "ann-3"))
    world.then(MemberReactivated, PersonRestored)
    assert world.answer()[1]["id"] == ("ann-2" if wish == "deleted" else "ann")


def test_saying_active_again_takes_it_back() -> None:
    world = guarded_scim()
    world.given(scim_changed("ann", active=False))
    world.when(scim_changed("ann", title="Lead"))
    assert held(world, "ann")[1] == "sole_admin", "nothing was said about it"
    assert world.the(UserRecorded).leaving
    world.when(scim_changed("ann", active=True))
    world.then()
    assert world.answer()[0] == 200
    assert (world.access_of("ann"), world.the(UserRecorded).leaving) == (access("admin"), False)
    assert world.sentences() == [
        "Nothing of Ann Lee is on hold any more because Okta reported them."
    ]
    world.when(scim_members("admins", "bo"))
    assert world.work_through() == 0
    assert world.access_of("ann") == access("admin")


def test_the_last_wish_is_the_one_that_waits() -> None:
    world = guarded_scim()
    world.given(scim_changed("ann", active=False))
    world.when(scim_deleted("ann"))
    world.then()
    assert "so the deletion waits" in world.answer()[1]["detail"]
    world.when(scim_members("admins", "bo"))
    world.work_through()
    assert world.the(UserRecorded).deleted


def test_who_is_not_kept_any_more_goes_when_asked_again() -> None:
    world = guarded_scim()
    world.given(scim_changed("ann", active=False))
    world.when(scim_members("admins", "bo"))
    world.outputs = []  # before the work that lets her go
    world.when(scim_changed("ann", active=False))
    world.then(*CUT_OFF)
    assert world.answer()[0] == 200
    assert (world.the(UserRecorded).active, world.the(UserRecorded).leaving) == (False, False)
    world.outputs = []
    world.work_through()
    assert world.outputs == []


def test_what_is_written_before_the_work_that_lets_one_go_is_told_once() -> None:
    world = guarded_scim().given(scim_changed("ann", active=False))
    world.when(scim_members("admins", "bo"), scim_changed("ann", title="Lead"))
    world.work_through()
    assert [told.active for told in world.all(UserRecorded)] == [True, False]
    assert len({output.event_id for output in world.outputs}) == len(world.outputs)


def test_the_end_of_a_group_is_never_refused() -> None:
    world = guarded_scim().given(role("member", 20, default=False))
    world.when(scim_members("admins", removed=("ann",)))
    world.then(*LOGGED_OUT)
    assert world.answer()[0] == 200
    assert world.the(RevokeSessions).reason == "no_mapped_group"
    assert held(world, "ann") == (access("admin"), "sole_admin")


def test_who_is_held_by_groups_is_refused_too_and_logged_out_once() -> None:
    world = guarded_scim().given(role("member", 20, default=False))
    world.given(scim_members("admins", removed=("ann",)))
    world.when(scim_changed("ann", active=False))
    world.then()
    assert world.answer()[0] == 400
    assert world.sentences()[0] == "Okta deactivated Ann Lee, which waits."


# --- directories that are testing or paused


def test_a_directory_that_is_tested_moves_nobody() -> None:
    world = acme().given(reported("bo"), mode("testing"))
    world.when(reported("ann"), joined("bo", "admins"), deactivated("bo"))
    world.then()
    assert (held(world, "ann"), held(world, "bo")) == (
        (NO_ACCESS, "testing"),
        (access("member"), "testing"),
    )
    assert world.sentences() == [
        f"Ann Lee would join as member because Okta reported them; {TESTED}",
        f"Bo Lee would become admin because Okta added them to Platform Admins; {TESTED}",
        f"Bo Lee would lose all access because Okta deactivated them; {TESTED}",
    ]
    world.when(reported("bo"))
    assert world.the(HoldRecorded).desired == access("admin")
    world.when(left("bo", "admins"))
    assert world.the(HoldRecorded).reason is None, "what is desired is applied"


def test_activation_applies_what_was_held_in_chunks() -> None:
    world = acme().given(mode("testing"), *[reported(name) for name in crowd()])
    assert len(world.records("held", Held)) == CROWD
    world.when(mode("active"))
    assert world.work_through() == CROWD // limits.MEMBERS_PER_CHUNK + 1
    assert len(world.all(MemberProvisioned)) == len(world.all(HoldRecorded)) == CROWD
    assert world.records("held", Held) == {}
    sentence = "P0000 Lee joined as member because the directory Acme Okta is active."
    assert world.sentences()[1] == sentence


@pytest.mark.parametrize("kind", ["workos", "scim"])
def test_who_is_deleted_while_the_directory_is_paused_is_cut_off_when_it_goes_on(kind: Any) -> None:
    world = acme(kind)
    world.given(reported("ann") if kind == "workos" else scim_created("ann"), mode("paused"))
    world.when(deleted("ann") if kind == "workos" else scim_deleted("ann"))
    world.then()
    assert held(world, "ann") == (access("member"), "paused")
    world.when(mapping("leads", "viewer"), role("member", 21, default=True))
    world.work_through()
    world.then()
    assert held(world, "ann") == (access("member"), "paused"), "by whatever it is decided anew"
    world.when(mode("active"))
    world.work_through()
    world.then(*CUT_OFF)
    assert world.the(MemberDeactivated).reason == "deleted"
    assert world.member("ann").users == ()


def test_a_directory_that_is_tested_holds_only_its_own_people() -> None:
    world = acme().given(directory("d-2", "Acme Entra", "entra"), reported("ann"))
    world.given(mode("testing", "d-2"), reported("bo", directory="d-2"))
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)
    assert world.member("bo", "d-2").applied == NO_ACCESS


def test_in_testing_the_last_admin_is_no_error_but_held_from_activation_on() -> None:
    world = guarded_scim().given(mode("testing"))
    world.when(scim_changed("ann", active=False))
    world.then()
    assert world.answer()[0] == 200
    assert held(world, "ann") == (access("admin"), "testing")
    world.when(mode("active"))
    world.work_through()
    world.then(*LOGGED_OUT)
    assert held(world, "ann") == (access("admin"), "sole_admin")


def test_two_admins_who_left_in_testing_leave_one_behind() -> None:
    world = guarded().given(joined("bo", "admins"), mode("testing"))
    world.given(deactivated("ann"), deactivated("bo"), mode("active"))
    assert sorted(held(world, name)[0] == NO_ACCESS for name in ("ann", "bo")) == [False, True]
    assert sorted(str(held(world, name)[1]) for name in ("ann", "bo")) == ["None", "sole_admin"]


def test_workspaces_wait_for_the_activation_too() -> None:
    world = acme().given(reported("ann"), mode("paused"))
    world.when(joined("ann", "designers"))
    assert held(world, "ann") == (access("member"), "paused")
    world.when(mode("active"))
    world.work_through()
    assert world.access_of("ann") == access("member", grant("design", "viewer"))
