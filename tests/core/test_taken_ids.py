"""An IdP gives somebody's id to somebody else: what it said of them before goes on counting."""

from schemas.access import NO_ACCESS
from schemas.commands import RevokeSessions
from schemas.events import MemberDeactivated, PersonDeprovisioned
from schemas.policy import Hold
from schemas.state import DirectoryUser
from tests.core.people import (
    NEW,
    People,
    at,
    domain,
    has,
    known,
    linked,
    made,
    new,
    old,
    people,
    switched,
    takes,
    unlinked,
)
from tests.core.scenario import (
    DIRECTORY,
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
    scim_deleted,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)
ANEW = role("viewer", 11)
"""A reason to decide about everybody anew."""


def admin() -> People:
    """The product's administrator Ann is linked in a directory that has Bo too."""
    world = people().given(has("p-1", "ann", role="admin"), domain())
    return world.given(reported("ann"), reported("bo"))


def in_both() -> People:
    """The product's Ann was deactivated in a directory that is tested."""
    world = known().given(directory(NEW, "Acme Entra", "entra"), mode("testing", NEW))
    world.given(reported("ann", directory=NEW), reported("bo", directory=NEW))
    return world.given(reported("ann", active=False, directory=NEW))


def test_a_deletion_counts_whoever_has_the_id_since() -> None:
    world = admin().given(takes("bo", "ann"))
    world.when(deleted("ann"))
    world.then(*CUT_OFF)
    assert world.product("p-1").applied == NO_ACCESS
    world.sound()


def test_the_directory_still_wins() -> None:
    world = admin()
    assert world.product("p-1").applied == access("member")
    world.given(takes("bo", "ann"), ANEW)
    assert world.product("p-1").applied == access("member")
    world.given(joined("ann", "designers"))
    assert world.product("p-1").applied.role == "member"
    world.sound()


def test_who_was_cut_off_stays_so_and_is_not_suspended_by_it() -> None:
    world = known().given(reported("ann"), reported("bo"), deactivated("ann"))
    world.given(takes("bo", "ann"), ANEW)
    found = world.product("p-1")
    assert (found.applied, found.manual and found.manual.standing) == (NO_ACCESS, "active")
    assert found.external_ids == ()
    world.sound()


def test_a_directory_that_is_tested_cuts_off_nobody() -> None:
    world = in_both()
    world.when(takes("bo", "ann", NEW), ANEW)
    world.work_through()
    world.then()
    assert world.product("p-1").applied == access("viewer")
    world.sound()


def test_the_last_administrator_stays_on_hold() -> None:
    world = admin().given(policy(sole_admin="block"), joined("ann", "admins"), deactivated("ann"))
    world.given(takes("bo", "ann"), ANEW)
    assert world.product("p-1").applied == access("admin")
    assert world.product("p-1").hold == Hold(reason="sole_admin")
    world.sound()


def test_what_a_replaced_directory_granted_does_not_rise_again() -> None:
    world = old("scim").given(*made(), new("ann"), new("bo"), switched())
    world.given(at(scim_deleted("new-ann"), NEW))
    ann = world.member_id("ann")
    world.given(at(scim_changed("new-bo", externalId=idp_id("ann")), NEW), ANEW)
    assert world.by_id(ann).applied == NO_ACCESS
    world.sound()


def test_who_was_cut_off_stays_so_when_their_user_is_linked_to_somebody_else() -> None:
    world = known().given(has("p-2", "zoe"), reported("ann"), deactivated("ann"))
    world.given(linked(world.id_of("p-2"), "ann"), ANEW)
    assert world.product("p-1").applied == NO_ACCESS
    world.sound()


def test_who_waits_and_has_no_id_any_more_takes_nobodys_link_along() -> None:
    world = known(verified=False).given(reported("bo"), reported("ann"))
    world.given(takes("bo", "ann"), deleted("ann"))
    assert [member.rivals for member in world.members().values()] == [(), ()]
    assert world.member_id("ann") == world.records("user", DirectoryUser)[DIRECTORY, "bo"].member_id
    world.sound()


def test_who_has_no_id_there_any_more_can_be_unlinked() -> None:
    world = admin().given(takes("bo", "ann"))
    ann = world.id_of("p-1")
    world.given(unlinked(ann))
    assert world.by_id(ann).applied == access("member")
    assert (world.by_id(ann).users, world.by_id(ann).spoken_for) == ((), ())
    world.when(has("p-1", "ann", role="viewer"))
    assert world.by_id(ann).applied == access("viewer")
    world.sound()
