"""Who is whom by an administrator's word: linked by hand, unlinked for good (access-rules §4)."""

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
from schemas.origin import Kind
from schemas.recorded import ManualRecorded, UserRecorded
from schemas.state import DirectoryUser
from tests.core.people import (
    NEW,
    People,
    at,
    domain,
    gone,
    has,
    known,
    linked,
    people,
    posted,
    settled,
    takes,
    two,
    unlinked,
)
from tests.core.scenario import (
    DIRECTORY,
    access,
    deactivated,
    deleted,
    directory,
    grant,
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


def parted(kind: Kind = "workos") -> People:
    """Ann was linked to the product's, became admin there, and was unlinked."""
    world = known(kind)
    world.given(reported("ann") if kind == "workos" else posted("ann"))
    if kind == "workos":
        world.given(joined("ann", "admins"))
    world.given(unlinked(world.id_of("p-1")))
    return world


# --- unlinking keeps access as manual and is not undone by later writes


def test_who_is_unlinked_keeps_their_access_as_the_products_own() -> None:
    world = known().given(reported("ann"), joined("ann", "admins"), joined("ann", "designers"))
    world.when(unlinked(world.id_of("p-1")))
    world.then()
    after = world.product("p-1")
    assert after.applied == access("admin", grant("design", "viewer"))
    assert after.manual is not None
    assert (after.manual.role, after.manual.workspaces) == ("admin", (grant("design", "viewer"),))
    assert (after.external_ids, after.users) == ((), ())
    assert world.the(ManualRecorded).role == "admin"
    assert world.the(UserRecorded).member_id is None
    assert "was unlinked from Okta and keeps their access." in world.sentences()[0]
    world.sound()


def test_of_no_directory_any_more_the_products_word_counts_at_once() -> None:
    world = parted()
    world.when(has("p-1", "ann", role="viewer"))
    assert world.product("p-1").applied == access("viewer")
    world.sound()


@pytest.mark.parametrize(
    "later",
    [
        [reported("ann", last_name="Ray")],
        [joined("ann", "designers"), deactivated("ann")],
        [deactivated("ann"), reported("ann")],
        [deleted("ann"), reported("ann", as_user="ann-2")],
        [deleted("ann"), reported("annie", email="ann@acme.example")],
        [reported("annie", email="ann@acme.example")],
    ],
)
def test_no_report_links_again(later: list[AnyChange]) -> None:
    world = parted()
    before = world.product("p-1")
    world.when(*later)
    world.then()
    assert world.product("p-1") == before
    world.sound()


@pytest.mark.parametrize(
    "later",
    [
        [scim_changed("ann", title="Lead")],
        [scim_changed("ann", externalId="another")],
        [scim_changed("ann", externalId=None)],
        [scim_changed("ann", active=False), scim_changed("ann", active=True)],
        [scim_changed("ann", active=False), scim_changed("ann", active=True, externalId="x")],
        [scim_deleted("ann"), posted("ann", as_user="a2")],
        [scim_deleted("ann"), posted("ann", as_user="a2", externalId="x")],
        [scim_deleted("ann"), posted("ann", as_user="a2", externalId=None)],
    ],
)
def test_no_write_by_scim_links_again(later: list[AnyChange]) -> None:
    world = parted("scim")
    before = world.product("p-1")
    world.when(*later)
    world.then()
    assert world.product("p-1") == before
    world.sound()


def test_an_id_of_somebody_who_was_unlinked_is_given_to_somebody_else() -> None:
    world = parted("scim").given(posted("bo"), scim_deleted("ann"))
    bo = world.member_id("bo")
    world.given(scim_changed("bo", externalId=idp_id("ann")))
    assert world.member_id("ann") == bo
    assert world.by_id(bo).external_ids == (f"{DIRECTORY}/{idp_id('ann')}",)
    world.given(scim_changed("bo", active=False))
    assert world.by_id(bo).applied == NO_ACCESS
    world.sound()


def test_no_report_links_again_who_was_deleted_when_they_were_unlinked() -> None:
    world = known().given(reported("ann"), deleted("ann"))
    ann = world.id_of("p-1")
    world.given(unlinked(ann), has("p-1", "ann", role="viewer"))
    world.when(reported("ann"), joined("ann", "admins"))
    world.then()
    assert world.by_id(ann).applied == access("viewer")
    world.sound()


def test_who_was_linked_again_by_hand_may_get_back_their_former_id() -> None:
    world = people().given(reported("zoe"), reported("bo"))
    bo = world.member_id("bo")
    world.given(unlinked(bo), linked(bo, "zoe"), takes("zoe", "bo"))
    assert world.by_id(bo).external_ids == (f"{DIRECTORY}/{idp_id('bo')}",)
    world.when(deleted("zoe"), reported("bo", as_user="bo-2"))
    assert world.records("user", DirectoryUser)[DIRECTORY, "bo-2"].member_id == bo
    assert world.by_id(bo).applied == access("member")
    world.sound()


def test_who_was_unlinked_may_be_linked_again_by_hand() -> None:
    world = parted()
    world.when(linked(world.id_of("p-1"), "ann"))
    world.then()
    assert world.member_id("ann") == world.id_of("p-1")
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)
    world.given(deleted("ann"), reported("annie", email="ann@acme.example"))
    assert world.by_id(world.waiting()).rivals == (world.id_of("p-1"),)
    world.sound()


def test_another_directory_links_who_was_unlinked_from_one() -> None:
    world = two().given(domain(), has("p-1", "ann"), reported("ann"))
    world.given(unlinked(world.id_of("p-1")), reported("ann", directory=NEW))
    assert world.member_id("ann", NEW) == world.id_of("p-1")
    world.sound()


def test_whom_no_product_knows_is_the_products_own_when_unlinked() -> None:
    world = people().given(reported("ann"))
    ann = world.member_id("ann")
    world.when(unlinked(ann))
    world.then()
    assert (world.by_id(ann).applied, world.by_id(ann).product_id) == (access("member"), None)
    world.when(reported("ann", last_name="Ray"), deactivated("ann"))
    world.then()
    world.when(has("p-1", "ann", member_id=ann, role="viewer"))
    assert world.by_id(ann).applied == access("viewer")
    world.sound()


def test_who_has_no_access_gets_none_by_being_unlinked() -> None:
    world = known().given(reported("ann"), deactivated("ann"))
    world.when(unlinked(world.id_of("p-1")))
    world.then()
    assert world.product("p-1").applied == NO_ACCESS
    world.sound()


def test_whom_the_product_removed_stays_so() -> None:
    world = known().given(reported("ann"), gone("p-1"))
    world.given(unlinked(world.id_of("p-1")))
    manual = world.product("p-1").manual
    assert manual is not None
    assert manual.standing == "removed"
    world.sound()


def test_who_is_held_back_as_the_last_administrator_stays_and_is_free() -> None:
    world = known("scim").given(policy(sole_admin="block"), has("p-1", "ann", role="admin"))
    world.given(policy(linked="higher"), posted("ann"), scim_changed("ann", active=False))
    world.when(unlinked(world.id_of("p-1")))
    world.work_through()
    world.then()
    assert (world.product("p-1").applied.role, world.product("p-1").hold) == ("admin", None)
    user = world.records("user", DirectoryUser)[DIRECTORY, "ann"]
    assert (user.active, user.leaving) == (False, None), "what the IdP wanted is done by now"
    world.sound()


def test_from_one_of_two_directories_the_other_goes_on() -> None:
    world = two().given(domain(), reported("ann"), joined("ann", "admins"))
    world.given(reported("ann", directory=NEW), joined("ann", "staff", directory=NEW))
    ann = world.member_id("ann")
    world.given(unlinked(ann))
    assert world.access_of("ann", NEW) == access("member", grant("sales"))
    world.when(deactivated("ann"))
    world.then()
    world.sound()


def test_twice_unlinked_and_of_nobody() -> None:
    world = parted()
    assert world.refusal(unlinked(world.id_of("p-1"))) == (404, "not_linked")
    assert world.refusal(unlinked("nobody")) == (404, "unknown_member")
    world.sound()


# --- linking by hand


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
