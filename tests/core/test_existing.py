"""People whom the product already has: linked once, made twice never (access-rules §4)."""

from typing import Any

import pytest

from schemas.access import NO_ACCESS
from schemas.changes import AnyChange
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.events import (
    MemberDeactivated,
    MemberProfileChanged,
    MemberProvisioned,
    MemberReactivated,
    MemberRoleChanged,
    MemberWorkspacesChanged,
    PersonDeprovisioned,
    PersonRestored,
)
from schemas.manual import ManualStanding
from schemas.origin import Mode
from schemas.policy import Hold
from schemas.recorded import ManualRecorded
from tests.core.people import (
    NEW,
    domain,
    gone,
    has,
    in_doubt,
    known,
    people,
    posted,
    settled,
    two,
)
from tests.core.scenario import (
    access,
    deactivated,
    deleted,
    directory,
    directory_deleted,
    grant,
    idp_id,
    joined,
    mapping,
    mode,
    policy,
    reported,
    ruled,
    scim_changed,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)
BACK = (MemberReactivated, PersonRestored)


# --- the product tells us of its own changes


def test_the_product_has_somebody_of_its_own() -> None:
    world = people()
    world.when(has("p-1", "ann", grant("design", "viewer"), role="viewer"))
    world.then(MemberProvisioned)
    assert world.the(MemberProvisioned).access == access("viewer", grant("design", "viewer"))
    assert world.the(MemberProvisioned).because.kind == "manual"
    assert world.the(ManualRecorded).product_id == "p-1"
    status, body = world.answer()
    assert (status, body["outcome"], body["linked"]) == (201, "created", False)
    world.sound()


def test_the_same_again_is_no_change_and_another_is_one() -> None:
    world = people().given(has("p-1", "ann"))
    assert world.when(has("p-1", "ann")).outcome == "repeat"
    assert world.answer()[1]["outcome"] == "unchanged"
    world.when(has("p-1", "ann", role="admin"))
    world.then(MemberRoleChanged)
    world.sound()


def test_workspaces_are_compared_whatever_their_order() -> None:
    world = people().given(has("p-1", "ann", grant("sales"), grant("design")))
    assert world.product("p-1").applied.workspaces == (grant("design"), grant("sales"))
    assert world.when(has("p-1", "ann", grant("design"), grant("sales"))).outcome == "repeat"
    world.sound()


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        (has("p-1", "ann", role="owner"), 422, "unknown_role"),
        (has("p-1", "ann", grant("attic")), 422, "unknown_workspace"),
        (has("p-1", "ann", member_id="nobody"), 404, "unknown_member"),
        (gone("p-1"), 404, "unknown_member"),
    ],
)
def test_what_cannot_be_is_refused(change: AnyChange, status: int, error: str) -> None:
    world = people()
    world.when(change)
    assert (world.answer()[0], world.answer()[1]["error"]) == (status, error)
    assert world.members() == {}
    world.sound()


def test_a_member_that_the_product_names_by_our_id_is_that_one() -> None:
    world = people().given(reported("ann"), reported("bo"))
    ann, bo = world.member_id("ann"), world.member_id("bo")
    world.when(has("p-1", "zoe", member_id=ann))
    world.then(MemberProfileChanged)
    assert world.answer()[1] | {"matched_by": "member_id", "outcome": "linked"} == world.answer()[1]
    world.when(has("p-1", "zoe", member_id=bo))
    assert world.answer()[0] == 409
    world.when(has("p-2", "zoe", member_id=ann))
    assert world.answer()[0] == 409
    world.sound()


@pytest.mark.parametrize("by", ["external id", "email"])
def test_whom_a_directory_reported_before_is_found_by_the_product(by: str) -> None:
    world = people().given(domain(), reported("ann"))
    external_id = idp_id("ann") if by == "external id" else None
    email = "a@elsewhere.example" if by == "external id" else None
    world.when(has("p-1", "ann", email=email, external_id=external_id))
    assert world.id_of("p-1") == world.member_id("ann")
    assert world.answer()[1]["matched_by"] == by.replace(" ", "_")
    world.sound()


@pytest.mark.parametrize("verified", [True, False])
def test_the_product_is_told_whom_its_person_may_be(verified: bool) -> None:
    world = two().given(reported("ann"))
    ids = [world.member_id("ann")]
    if verified:
        world.given(reported("ann", directory=NEW), domain())
        ids = sorted([*ids, world.member_id("ann", NEW)])
    world.when(has("p-1", "ann"))
    status, body = world.answer()
    assert (status, body["outcome"], sorted(body["may_be"])) == (201, "created", ids)
    world.sound()


def test_an_external_id_of_somebody_who_waits_says_who_that_is() -> None:
    world = in_doubt()
    waiting = world.waiting()
    world.given(has("p-1", "ann", role="viewer", external_id=idp_id("ann")))
    assert world.member_id("ann") == world.id_of("p-1")
    assert waiting not in world.members()
    assert world.access_of("ann") == access("member")
    world.sound()


def test_nobody_new_of_the_product_becomes_one_who_waits() -> None:
    world = in_doubt()
    world.given(has("p-2", "zoe", external_id=idp_id("ann")))
    assert world.member_id("ann") == world.id_of("p-2")
    assert len(world.members()) == 2
    world.sound()


def test_whom_the_product_removes_loses_access_whatever_directories_say() -> None:
    world = known().given(reported("ann"), joined("ann", "admins"))
    world.when(gone("p-1"))
    world.then(*CUT_OFF)
    assert world.the(RevokeSessions).reason == "manual"
    world.when(reported("ann", last_name="Ray"), joined("ann", "designers"))
    assert world.product("p-1").applied == NO_ACCESS
    world.when(gone("p-1"))
    assert (world.answer()[0], world.sentences()) == (200, [])
    world.sound()


@pytest.mark.parametrize("verified", [True, False])
def test_nobody_gets_in_with_the_address_of_who_was_removed_and_may_come_back(
    verified: bool,
) -> None:
    world = known(verified=verified).given(gone("p-1"))
    world.when(reported("ann"))
    world.then()
    assert world.by_id(world.waiting()).rivals == (world.id_of("p-1"),)
    world.when(has("p-1", "ann", role="viewer"))
    world.then(*BACK)
    assert world.product("p-1").applied == access("viewer")
    world.sound()


def test_who_was_removed_stays_out_when_a_directory_reports_them() -> None:
    world = people().given(has("p-1", "ann", external_id=idp_id("ann")), gone("p-1"))
    world.when(reported("ann"), joined("ann", "admins"))
    assert world.member_id("ann") == world.id_of("p-1")
    assert world.product("p-1").applied == NO_ACCESS
    world.sound()


def test_what_overtook_is_not_undone_by_what_was_said_before() -> None:
    """Removals and suspensions take the urgent lane."""
    world = known()
    before, other = has("p-1", "ann", role="admin"), has("p-2", "bo")
    world.given(gone("p-1"), gone("p-2"))
    world.when(before)
    assert (world.answer()[0], world.answer()[1]["error"]) == (409, "stale")
    assert world.when(before).outcome == "repeat"
    world.when(other)
    world.then()
    assert world.product("p-1").applied == NO_ACCESS
    assert len(world.members()) == 1, "and who was removed before they came does not come"
    world.given(has("p-2", "bo"))
    assert world.product("p-2").applied == access("member")
    world.sound()


def test_a_suspension_is_not_undone_by_what_was_said_before() -> None:
    world = known()
    before = has("p-1", "ann", role="admin")
    world.given(has("p-1", "ann", standing="suspended"))
    world.when(before)
    world.then()
    world.when(has("p-1", "ann", role="admin"))
    world.then(*BACK)
    world.sound()


def test_the_email_index_follows() -> None:
    world = known().given(has("p-1", "ann", email="ann.new@acme.example"))
    world.given(reported("ann"))
    assert len(world.members()) == 2, "nobody has the old address"
    world.given(reported("annie", email="Ann.New@acme.example"))
    assert world.member_id("annie") == world.id_of("p-1")
    world.given(reported("annie", email="ann.newer@acme.example"), directory(NEW, "Acme Entra"))
    world.given(reported("a1", email="ann.new@acme.example", directory=NEW))
    world.given(reported("a2", email="ann.newer@acme.example", directory=NEW))
    assert world.member_id("a2", NEW) == world.id_of("p-1") != world.member_id("a1", NEW)
    world.sound()


# --- policy for linked people


def test_of_linked_people_the_directory_wins() -> None:
    world = known().given(has("p-1", "ann", grant("sales"), role="admin"), reported("ann"))
    assert world.access_of("ann") == access("member")
    world.when(has("p-1", "ann", role="viewer"))
    world.then()
    world.sound()


def test_or_the_higher_of_both() -> None:
    world = known().given(policy(linked="higher"), has("p-1", "ann", grant("sales"), role="admin"))
    world.given(mapping("designers", "member", grant("design", "viewer")))
    world.given(reported("ann"), joined("ann", "designers"))
    both = access("admin", grant("design", "viewer"), grant("sales"))
    assert world.access_of("ann") == both
    world.when(has("p-1", "ann", role="viewer"))
    world.then(MemberRoleChanged, RefreshClaims, MemberWorkspacesChanged)
    assert world.access_of("ann") == access("member", grant("design", "viewer"))
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)
    world.sound()


def test_a_policy_that_changes_is_applied() -> None:
    world = known().given(has("p-1", "ann", role="admin"), reported("ann"))
    world.when(policy(linked="higher"))
    world.work_through()
    world.then(MemberRoleChanged)
    world.sound()


def test_protected_people_are_never_touched() -> None:
    world = known().given(has("p-1", "ann", role="admin", protected=True))
    world.given(policy(breaker="hold", sole_admin="block"))
    world.when(reported("ann"), joined("ann", "designers"), reported("ann", last_name="Ray"))
    world.when(reported("ann", email="x@acme.example"), deactivated("ann"), deleted("ann"))
    world.when(directory_deleted())
    world.work_through()
    assert world.product("p-1").display_name == "Ann of the product"
    assert world.product("p-1").email == "ann@acme.example"
    assert world.product("p-1").applied == access("admin")
    assert [type(each) for each in world.said if type(each) in CUT_OFF] == []
    world.sound()


def test_a_manual_suspension_survives_the_reactivation_by_the_idp() -> None:
    world = known().given(reported("ann"))
    world.when(has("p-1", "ann", standing="suspended"))
    world.then(*CUT_OFF)
    assert world.the(MemberDeactivated).reason == "manual"
    world.when(deactivated("ann"), reported("ann"), joined("ann", "admins"))
    world.then()
    world.when(has("p-1", "ann"))
    world.then(*BACK)
    assert world.access_of("ann") == access("admin")
    world.sound()


@pytest.mark.parametrize("standing", ["suspended", "removed"])
def test_no_second_record_with_the_address_gets_around_what_the_product_says(
    standing: ManualStanding,
) -> None:
    world = known("scim").given(posted("ann"))
    world.given(gone("p-1") if standing == "removed" else has("p-1", "ann", standing=standing))
    world.when(posted("x", "ann@acme.example"))
    world.then()
    assert world.by_id(world.waiting()).rivals == (world.id_of("p-1"),)
    world.given(settled(world.waiting(), "separate"))
    assert world.access_of("x") == access("member")
    world.sound()


# --- gates stop what directories say, and nothing of what the product did


def test_the_products_word_passes_every_gate_and_the_directorys_does_not() -> None:
    world = known().given(policy(sole_admin="block", breaker="hold"))
    world.given(has("p-1", "ann", role="admin"), reported("ann"), joined("ann", "admins"))
    world.when(deactivated("ann"))
    assert world.product("p-1").applied == access("admin")
    world.when(has("p-1", "ann", role="admin", standing="suspended"))
    world.then(*CUT_OFF)
    world.sound()


def test_an_administrator_of_the_product_alone_is_another_one() -> None:
    world = people().given(policy(sole_admin="block"), has("p-2", "bo", role="admin"))
    world.given(reported("ann"), joined("ann", "admins"))
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)
    world.sound()


def test_whom_the_product_makes_administrator_lets_the_last_one_go() -> None:
    world = people().given(policy(sole_admin="block"), reported("ann"), joined("ann", "admins"))
    world.given(deactivated("ann"))
    world.when(has("p-2", "bo", role="admin"))
    world.work_through()
    world.then(MemberProvisioned, *CUT_OFF)
    world.sound()


@pytest.mark.parametrize("now", ["testing", "paused"])
def test_a_link_in_a_directory_that_moves_nobody_leaves_access_as_it_is(now: Mode) -> None:
    world = known().given(mode(now))
    world.when(reported("ann"), joined("ann", "admins"))
    world.then(MemberProfileChanged) if now == "paused" else world.then()
    hold = world.product("p-1").hold
    assert hold is not None
    assert (hold.reason, world.product("p-1").applied) == (now, access("viewer"))
    world.when(mode("active"))
    world.work_through()
    assert world.access_of("ann") == access("admin")
    world.sound()


def test_what_was_discarded_in_a_test_stays_so_whatever_the_mode() -> None:
    world = known().given(mode("testing"), reported("ann"))
    world.given(ruled(world.id_of("p-1"), "discard"), mode("paused"))
    assert world.product("p-1").hold == Hold(reason="paused", discarded=True)
    world.when(mode("active"))
    world.work_through()
    world.then()
    assert world.product("p-1").hold == Hold(reason="paused", discarded=True)
    world.given(ruled(world.id_of("p-1"), "approve"))
    assert world.access_of("ann") == access("member")
    world.sound()


def test_a_directory_that_is_tested_holds_up_nothing_that_the_product_says() -> None:
    world = known().given(mode("testing"), reported("ann"), joined("ann", "admins"))
    world.when(has("p-1", "ann", role="member", email="a.lee@acme.example"))
    world.then(MemberProfileChanged, MemberRoleChanged)
    assert world.product("p-1").applied == access("member")
    assert world.product("p-1").email == "a.lee@acme.example"
    world.given(mode("active"))
    assert world.access_of("ann") == access("admin")
    world.sound()


@pytest.mark.parametrize("said", [{"protected": True}, {"standing": "suspended"}])
def test_who_comes_with_the_address_of_whom_the_product_decides_alone_can_be_ruled_on(
    said: dict[str, Any],
) -> None:
    world = known("scim").given(has("p-1", "ann", **said), posted("ann"))
    before = world.product("p-1").applied
    world.given(scim_changed("ann", active=False))
    world.given(posted("andy", "ann@acme.example", userName="ann@acme.example"))
    assert world.product("p-1").hold == Hold(reason="conflict")
    world.given(settled(world.id_of("p-1"), "separate"))
    assert world.access_of("andy") == access("member")
    assert (world.product("p-1").applied, world.product("p-1").hold) == (before, None)
    world.sound()
