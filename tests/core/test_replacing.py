"""One directory in the place of another: tested, switched to, and the old one ends (§4)."""

import pytest

from schemas.access import NO_ACCESS
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.events import (
    MemberDeactivated,
    MemberProfileChanged,
    MemberReactivated,
    MemberRoleChanged,
    PersonDeprovisioned,
    PersonRestored,
)
from schemas.origin import Kind
from schemas.policy import Hold
from schemas.settings_changes import CreateDirectory
from tests.core.people import (
    NEW,
    at,
    compared,
    domain,
    gone,
    has,
    made,
    new,
    old,
    people,
    posted,
    replaces,
    settled,
    switched,
    unlinked,
)
from tests.core.scenario import (
    DIRECTORY,
    access,
    asked,
    deactivated,
    deleted,
    grant,
    idp_id,
    left,
    mode,
    reported,
    scim_changed,
    scim_deleted,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)
TESTED = Hold(reason="testing")


# --- links by external id or email


@pytest.mark.parametrize("kind", ["workos", "scim"])
def test_the_same_id_at_the_idp_is_the_same_person(kind: Kind) -> None:
    world = old(kind).given(*made())
    world.when(new("ann", "another@elsewhere.example"))
    world.then()
    assert world.member_id("ann", NEW) == world.member_id("ann")
    assert world.sentences()[0].endswith(
        f"was linked to the member {world.member_id('ann')} by the replaced directory."
    )
    world.sound()


@pytest.mark.parametrize("kind", ["workos", "scim"])
def test_the_same_email_is_the_same_person_although_no_domain_is_verified(kind: Kind) -> None:
    world = old(kind).given(*made(), new("x", "ANN@acme.example"))
    assert world.member_id("x", NEW) == world.member_id("ann")
    assert len(world.members()) == 2
    world.sound()


def test_two_with_the_email_in_the_old_one_are_a_conflict() -> None:
    world = old().given(reported("annie", email="ann@acme.example"), *made())
    world.given(new("x", "ann@acme.example"))
    waiting = world.waiting()
    assert sorted(world.by_id(waiting).rivals) == sorted(
        [world.member_id("ann"), world.member_id("annie")]
    )
    world.given(settled(waiting, into=world.member_id("annie")))
    assert world.member_id("x", NEW) == world.member_id("annie")
    world.sound()


def test_an_address_of_who_left_the_old_one_is_a_conflict() -> None:
    world = old().given(deactivated("ann"), *made(), new("x", "ann@acme.example"))
    assert world.by_id(world.waiting()).rivals == (world.member_id("ann"),)
    world.sound()


def test_an_id_of_somebody_whom_another_person_is_by_now_is_a_new_one() -> None:
    world = old().given(*made(), new("x", "ann@acme.example"), new("ann", "a@new.example"))
    assert world.member_id("x", NEW) == world.member_id("ann")
    assert world.member_id("ann", NEW) != world.member_id("ann")
    world.sound()


def test_of_who_was_unlinked_from_the_old_one_neither_id_nor_address_tells() -> None:
    world = old().given(domain())
    ann = world.member_id("ann")
    world.given(unlinked(ann), *made(), new("ann"))
    assert world.by_id(world.waiting()).rivals == (ann,)
    world.sound()


@pytest.mark.parametrize("by", ["id", "email"])
def test_who_came_before_it_was_said_is_linked_when_it_is_said(by: str) -> None:
    world = old()
    plain = CreateDirectory(**asked(directory_id=NEW, name="New"), kind="scim")
    world.given(has("p-1", "bo", member_id=world.member_id("bo")), plain, mode("testing", NEW))
    name = "bo" if by == "id" else "x"
    world.given(new(name, "bo@acme.example"), new("ann"), new("cy"))
    world.when(replaces(DIRECTORY))
    world.work_through()
    world.then()
    assert world.member_id(name, NEW) == world.member_id("bo")
    assert world.member_id("ann", NEW) == world.member_id("ann")
    assert len(world.members()) == 3
    world.sound()


@pytest.mark.parametrize("first", [True, False])
def test_who_was_removed_stays_out_whenever_it_is_said(first: bool) -> None:
    world = old("scim").given(has("p-1", "ann", external_id=idp_id("ann")))
    world.given(gone("p-1"))
    if first:
        world.given(*made(), new("ann"))
    else:
        plain = CreateDirectory(**asked(directory_id=NEW, name="New"), kind="scim")
        world.given(plain, mode("testing", NEW), new("ann"), replaces(DIRECTORY))
    world.given(switched())
    assert world.member("ann", NEW).applied == NO_ACCESS
    assert world.member_id("ann", NEW) == world.id_of("p-1")
    world.sound()


def test_who_cannot_be_settled_goes_on_waiting() -> None:
    """Whom they may be waits too, or is somebody else of their directory by now."""
    world = people("scim").given(has("p-1", "zoe", standing="suspended"), posted("cy"))
    world.given(posted("zoe"), CreateDirectory(**asked(directory_id=NEW, name="N"), kind="scim"))
    waiting = world.waiting()
    world.given(mode("testing", NEW), replaces(DIRECTORY))
    world.given(at(posted("zoe", "cy@acme.example", as_user="new-zoe"), NEW))
    assert world.member_id("zoe", NEW) == world.member_id("cy")
    assert world.waiting() == waiting
    world.sound()


def test_of_who_was_in_both_before_it_is_said_what_the_new_one_would_give() -> None:
    world = old().given(domain())
    plain = CreateDirectory(**asked(directory_id=NEW, name="New"), kind="scim")
    world.given(plain, mode("testing", NEW), new("x", "ann@acme.example"))
    ann = world.member_id("ann")
    assert world.member_id("x", NEW) == ann
    world.given(replaces(DIRECTORY))
    assert (world.by_id(ann).applied, world.by_id(ann).hold) == (access("admin"), TESTED)
    assert world.by_id(ann).desired == access("member")
    world.sound()


# --- compares: nobody's access moves by a test


def test_what_would_change_is_on_hold() -> None:
    world = compared()
    ann = world.member("ann")
    assert (ann.applied, ann.hold) == (access("admin"), TESTED)
    assert ann.desired == access("member", grant("sales")), "what only the old one grants is over"
    world.when(new("cy"))
    world.then()
    assert world.member("cy", NEW).hold == TESTED
    world.sound()


def test_whom_the_old_one_deactivates_meanwhile_is_cut_off_at_once() -> None:
    world = compared()
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)
    assert world.the(RevokeSessions).reason == "deactivated"
    assert (world.member("ann").applied, world.member("ann").hold) == (NO_ACCESS, TESTED)
    world.when(reported("ann"))
    world.then(MemberReactivated, PersonRestored)
    world.sound()


@pytest.mark.parametrize("kind", ["workos", "scim"])
def test_whom_the_old_one_deletes_meanwhile_is_cut_off_at_once(kind: Kind) -> None:
    world = compared(kind)
    world.when(deleted("ann") if kind == "workos" else scim_deleted("ann"))
    world.then(*CUT_OFF)
    assert world.the(RevokeSessions).reason == "deleted"
    assert world.member("ann").hold == TESTED
    world.sound()


def test_the_old_one_goes_on_naming_its_people() -> None:
    world = compared()
    world.when(reported("ann", last_name="Ray"), left("ann", "admins"))
    world.then(MemberProfileChanged, MemberRoleChanged, RefreshClaims)
    assert world.member("ann").display_name == "Ann Ray"
    world.when(at(scim_changed("new-ann", name={"givenName": "X"}), NEW))
    world.then()
    assert world.member("ann").display_name == "Ann Ray"
    world.sound()


def test_whom_the_tested_one_deletes_keeps_what_the_old_one_gives() -> None:
    world = compared()
    world.when(at(scim_deleted("new-ann"), NEW))
    world.then()
    assert world.member("ann").applied == access("admin")
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)
    world.sound()
