"""Unlinking keeps access as manual, and no later write undoes it (access-rules §4)."""

import pytest

from schemas.access import NO_ACCESS
from schemas.changes import AnyChange
from schemas.commands import RevokeSessions
from schemas.events import (
    MemberDeactivated,
    PersonDeprovisioned,
)
from schemas.origin import Kind
from schemas.recorded import ManualRecorded, UserRecorded
from schemas.state import DirectoryUser
from tests.core.people import (
    NEW,
    People,
    domain,
    gone,
    has,
    known,
    linked,
    people,
    posted,
    takes,
    two,
    unlinked,
)
from tests.core.scenario import (
    DIRECTORY,
    access,
    deactivated,
    deleted,
    grant,
    idp_id,
    joined,
    left,
    mode,
    policy,
    reported,
    scim_changed,
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


def test_what_is_kept_is_not_what_another_directory_may_take() -> None:
    """A role that one directory gave is nobody's own, whatever the policy says of that."""
    world = two().given(policy(linked="higher"), domain(), reported("ann"))
    world.given(reported("ann", directory=NEW), joined("ann", "leads", directory=NEW))
    ann = world.member_id("ann")
    world.when(unlinked(ann))
    world.then()
    assert "was unlinked from Okta and has what other directories say." in world.sentences()[0]
    world.given(left("ann", "leads", directory=NEW))
    assert world.by_id(ann).applied == access("member")
    world.sound()


def test_where_the_other_directory_has_them_inactive_that_is_said() -> None:
    world = two().given(domain(), reported("ann"), joined("ann", "admins"))
    world.given(reported("ann", directory=NEW), reported("ann", active=False, directory=NEW))
    ann = world.member_id("ann")
    world.when(unlinked(ann))
    world.then(*CUT_OFF)
    assert "has what other directories say" in world.sentences()[0]
    world.sound()


def test_a_directory_that_is_tested_takes_nothing_from_who_is_unlinked() -> None:
    world = two().given(domain(), has("p-1", "ann", role="viewer"), reported("ann"))
    world.given(joined("ann", "admins"), mode("testing", NEW), reported("ann", directory=NEW))
    world.when(unlinked(world.id_of("p-1")))
    world.then()
    assert world.product("p-1").applied == access("admin")
    world.sound()


def test_twice_unlinked_and_of_nobody() -> None:
    world = parted()
    assert world.refusal(unlinked(world.id_of("p-1"))) == (404, "not_linked")
    assert world.refusal(unlinked("nobody")) == (404, "unknown_member")
    world.sound()
