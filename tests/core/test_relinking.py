"""Who is whom by an administrator's word: linked by hand (access-rules §4)."""

import pytest

from schemas.access import NO_ACCESS
from schemas.changes import AnyChange
from schemas.commands import RevokeSessions
from schemas.events import (
    MemberDeactivated,
    MemberProfileChanged,
    MemberProvisioned,
    MemberRoleChanged,
    PersonDeprovisioned,
)
from schemas.manual import Manual
from tests.core.people import (
    NEW,
    at,
    domain,
    has,
    known,
    linked,
    posted,
    settled,
    two,
    unlinked,
)
from tests.core.scenario import (
    access,
    deactivated,
    deleted,
    directory,
    idp_id,
    joined,
    mode,
    policy,
    reported,
    role,
    scim_changed,
    scim_created,
    scim_deleted,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)


def test_linked_by_hand_is_another_members_no_more() -> None:
    world = known(verified=False).given(reported("zoe"), joined("zoe", "admins"))
    before = world.member_id("zoe")
    world.when(linked(world.id_of("p-1"), "zoe"))
    assert world.member_id("zoe") == world.id_of("p-1")
    assert world.product("p-1").applied == access("admin")
    assert world.by_id(before).applied == NO_ACCESS
    world.then(MemberProfileChanged, MemberRoleChanged, *CUT_OFF)
    assert world.when(linked(world.id_of("p-1"), "zoe")).outcome == "repeat"
    world.sound()


def test_a_member_whom_nobody_is_any_more_is_nobodys_rival() -> None:
    world = two().given(has("p-1", "ann", email="a@acme.example"), reported("ann"))
    world.given(
        linked(world.id_of("p-1"), "ann"), domain(), reported("ann", email="a@acme.example")
    )
    world.given(reported("ann", directory=NEW), reported("a", directory=NEW))
    assert world.member_id("a", NEW) == world.id_of("p-1")
    assert world.access_of("ann", NEW) == access("member")
    world.sound()


def test_what_cannot_be_linked() -> None:
    world = known().given(reported("ann"), reported("bo"), deleted("bo"), reported("cy"))
    ann = world.id_of("p-1")
    assert world.refusal(linked(ann, "cy")) == (409, "linked")
    assert world.refusal(linked(ann, "bo")) == (404, "unknown_user")
    assert world.refusal(linked(ann, "ghost")) == (404, "unknown_user")
    assert world.refusal(linked(ann, "cy", "no directory")) == (404, "unknown_user")
    assert world.refusal(linked("nobody", "cy")) == (404, "unknown_member")
    world.sound()


def test_linked_while_tested_nothing_moves() -> None:
    world = known(verified=False).given(directory(NEW, "Acme Entra"), mode("testing", NEW))
    world.given(reported("zoe", directory=NEW))
    world.when(linked(world.id_of("p-1"), "zoe", NEW))
    world.then()
    assert world.product("p-1").applied == access("viewer")
    world.given(mode("active", NEW))
    assert world.product("p-1").applied == access("member")
    world.sound()


def test_somebody_inactive_who_is_linked_takes_access_along() -> None:
    world = known(verified=False).given(deactivated("ann"))
    world.when(linked(world.id_of("p-1"), "ann"))
    world.then(MemberProfileChanged, *CUT_OFF)
    assert world.the(RevokeSessions).reason == "deactivated"
    world.sound()


def test_protected_people_keep_their_access_however_they_are_linked() -> None:
    world = known("scim").given(has("p-1", "ann", role="admin", protected=True), posted("ann"))
    world.given(unlinked(world.id_of("p-1")))
    manual = world.product("p-1").manual
    assert manual == Manual(
        role="admin", email="ann@acme.example", display_name="Ann of the product", protected=True
    )
    world.given(linked(world.id_of("p-1"), "ann"), scim_changed("ann", active=False))
    assert world.product("p-1").applied == access("admin")
    world.sound()


def test_two_directories_by_scim_are_linked_by_hand_too() -> None:
    world = two("scim", "scim").given(posted("ann"))
    world.given(at(scim_created("ann", as_user="a-9"), NEW))
    world.when(linked(world.member_id("ann"), "a-9", NEW))
    world.then(MemberDeactivated, PersonDeprovisioned, RevokeSessions)
    assert world.member_id("ann") == world.member_id("ann", NEW)
    world.sound()


def test_somebody_new_with_an_old_address_who_is_separate_is_not_asked_about_again() -> None:
    world = known("scim").given(posted("ann"), scim_changed("ann", active=False))
    world.given(posted("andy", "ann@acme.example", userName="ann@acme.example"))
    world.when(settled(world.id_of("p-1"), "separate"))
    world.then(MemberProvisioned)
    assert world.member_id("andy") != world.id_of("p-1")
    world.sound()


def test_one_person_under_two_user_ids_is_linked_with_both() -> None:
    world = known(verified=False).given(reported("zoe"), reported("zoe", as_user="zoe-2"))
    world.given(linked(world.id_of("p-1"), "zoe-2"))
    assert [key.user_id for key in world.product("p-1").users] == ["zoe", "zoe-2"]
    world.given(deactivated("zoe"))
    assert world.product("p-1").applied == access("member")
    world.sound()


@pytest.mark.parametrize("leave", [scim_deleted("ann"), scim_changed("ann", active=False)])
def test_who_left_stays_out_when_their_id_is_given_to_somebody_else(leave: AnyChange) -> None:
    world = known("scim").given(posted("ann"), posted("bo"), leave)
    world.when(scim_changed("bo", externalId=idp_id("ann")))
    if world.answer()[0] == 200:
        assert world.member_id("ann") != world.id_of("p-1")
    world.given(policy(linked="higher"))
    assert world.product("p-1").applied == NO_ACCESS
    world.sound()


def test_who_is_linked_by_hand_takes_along_whoever_is_the_same_person() -> None:
    world = known(verified=False).given(
        reported("zoe", active=False), reported("zoe", as_user="z2")
    )
    former = world.member_id("zoe")
    world.given(linked(world.id_of("p-1"), "zoe"))
    assert [key.user_id for key in world.product("p-1").users] == ["z2", "zoe"]
    assert world.by_id(former).external_ids == ()
    world.sound()


def test_an_id_whose_former_member_has_left_goes_along_too() -> None:
    world = known(verified=False).given(has("p-2", "bo"), deactivated("zoe"))
    world.given(reported("zoe", as_user="z2", email="z@z.example"))
    former = world.member_id("zoe")
    world.given(has("p-3", "zoe", member_id=former), deleted("z2"))
    world.given(linked(world.id_of("p-1"), "zoe"))
    assert world.product("p-3").applied == NO_ACCESS
    assert world.product("p-3").external_ids == ()
    world.sound()


def test_who_comes_with_an_inactive_user_id_and_an_active_one_is_never_cut_off() -> None:
    world = known(verified=False).given(reported("zoe"), reported("zoe", as_user="a", active=False))
    world.when(linked(world.id_of("p-1"), "a"))
    assert world.product("p-1").applied == access("member")
    lost = [each.member.product_id for each in world.all(MemberDeactivated)]
    assert lost == [None], "but whose it was before"
    world.sound()


def test_two_user_ids_of_which_the_inactive_one_is_named_are_told_once() -> None:
    world = known(verified=False).given(role("member", 20))
    world.given(reported("zoe", email="new@acme.example"))
    world.given(reported("zoe", as_user="z2", active=False))
    world.when(linked(world.id_of("p-1"), "z2"))
    world.then(MemberProfileChanged, *CUT_OFF)
    world.sound()
