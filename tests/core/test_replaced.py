"""A directory that was replaced is over, whatever its IdP goes on reporting (access-rules §4)."""

from collections.abc import Callable

import pytest

from schemas.access import NO_ACCESS
from schemas.changes import AnyChange
from schemas.commands import RevokeSessions
from schemas.events import (
    AuditEntry,
    MemberDeactivated,
    MemberWorkspacesChanged,
    PersonDeprovisioned,
)
from schemas.state import Directory
from tests.core.people import (
    NEW,
    at,
    compared,
    domain,
    domains_reported,
    gone,
    has,
    made,
    posted,
    switched,
)
from tests.core.scenario import (
    DIRECTORY,
    access,
    at_end,
    deactivated,
    deleted,
    directory_deleted,
    grant,
    group,
    idp_id,
    joined,
    left,
    reported,
    scim_changed,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)


def test_what_a_replaced_one_goes_on_reporting_is_ignored_and_told_once() -> None:
    world = compared().given(switched())
    before = {key: each for key, each in world.store.values.items() if b"warned" not in key}
    late: list[AnyChange] = [
        reported("ann", last_name="Ray"),
        reported("eve"),
        joined("bo", "admins"),
        group("admins", "Other"),
        domains_reported("evil.example"),
        directory_deleted(),
    ]
    outcomes = [world.when(each).outcome for each in late]
    assert set(outcomes) == {"refused"}
    ignored = [each for each in world.said if isinstance(each, AuditEntry)]
    assert [each.sentence for each in ignored if "goes on reporting" in each.sentence] == [
        "Ignored what Okta goes on reporting: Acme Okta was replaced; end it at WorkOS."
    ]
    after = {key: each for key, each in world.store.values.items() if b"warned" not in key}
    assert after == before
    world.sound()


@pytest.mark.parametrize("leaves", [deactivated, deleted])
def test_a_removal_that_was_on_its_way_at_the_switch_counts(
    leaves: Callable[[str], AnyChange],
) -> None:
    world = compared()
    late = leaves("bo")
    world.given(switched()).when(late)
    world.then(*CUT_OFF)
    assert world.member("bo").applied == NO_ACCESS
    world.given(reported("bo"))
    assert world.member("bo").applied == NO_ACCESS
    world.sound()


def test_so_does_who_left_a_group() -> None:
    world = compared().given(switched())
    world.when(left("bo", "designers"))
    world.then(MemberWorkspacesChanged)
    assert world.access_of("bo") == access("member")
    world.sound()


def test_of_who_is_in_the_new_one_a_removal_from_the_old_one_takes_nothing() -> None:
    world = compared().given(switched())
    world.when(left("ann", "admins"), deactivated("ann"), deleted("ann"))
    world.then()
    assert world.access_of("ann", NEW) == access("member", grant("sales"))
    world.sound()


def test_an_idp_that_goes_on_writing_by_scim_is_refused() -> None:
    world = compared("scim").given(switched())
    world.when(scim_changed("ann", active=False))
    assert world.answer() == (401, world.answer()[1])
    world.then()
    world.sound()


def test_the_policy_for_the_rest_may_change_after_the_switch() -> None:
    world = compared().given(switched())
    world.when(at_end("deactivate"))
    world.work_through()
    world.then(*CUT_OFF)
    assert world.the(MemberDeactivated).member.member_id == world.member_id("bo")
    world.sound()


def test_one_after_the_other() -> None:
    """A was replaced by B, and B by C: of A's people C alone decides."""
    world = compared().given(switched(), *made("third", NEW))
    world.given(at(posted("ann", as_user="c-ann"), "third"), at(posted("bo", as_user="c"), "third"))
    assert world.member_id("ann", "third") == world.member_id("ann")
    assert world.member_id("bo", "third") != world.member_id("bo"), "B never knew him"
    world.given(switched("third"))
    assert world.access_of("ann", "third") == access("member")
    assert (world.records("directory", Directory)[NEW,]).replaced_by == "third"
    world.sound()


def test_one_after_the_other_finds_whom_only_the_first_one_knew() -> None:
    world = compared().given(domain(), switched(), *made("third", NEW))
    world.given(at(posted("bo", as_user="c-bo"), "third"), switched("third"))
    assert world.member_id("bo", "third") == world.member_id("bo")
    assert world.access_of("bo", "third") == access("member"), "and nothing of the first one"
    world.sound()


# --- together with what the product says


def test_what_the_product_says_counts_before_and_after() -> None:
    world = compared()
    ann = world.member_id("ann")
    world.given(has("p-1", "ann", member_id=ann, standing="suspended"), switched())
    assert world.by_id(ann).applied == NO_ACCESS
    world.given(has("p-1", "ann", role="viewer"))
    assert world.by_id(ann).applied == access("member", grant("sales"))
    world.given(gone("p-1"))
    assert world.by_id(ann).applied == NO_ACCESS
    assert world.by_id(ann).external_ids == tuple(
        sorted(f"{where}/{idp_id('ann')}" for where in (DIRECTORY, NEW))
    )
    world.sound()
