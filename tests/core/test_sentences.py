"""The sentences that the audit log and the events explain themselves with."""

import pytest

from processors.core import explain
from schemas.access import NO_ACCESS, Access
from schemas.events import AuditEntry, MemberRoleChanged
from tests.core.scenario import (
    access,
    acme,
    deactivated,
    deleted,
    directory,
    grant,
    group,
    group_deleted,
    joined,
    left,
    reported,
)


def test_a_promotion_says_who_what_and_why() -> None:
    world = acme().given(reported("ann"))
    world.when(joined("ann", "admins"))
    sentence = "Ann Lee became admin because Okta added them to Platform Admins."
    assert world.sentences() == [sentence] == [world.the(MemberRoleChanged).sentence]


def test_a_life_reads_like_one() -> None:
    world = acme()
    world.when(
        reported("ann"),
        joined("ann", "designers"),
        joined("ann", "admins"),
        left("ann", "admins"),
        reported("ann", last_name="Ray"),
        deactivated("ann"),
        reported("ann"),
        deleted("ann"),
    )
    assert world.sentences() == [
        "Ann Lee joined as member because Okta reported them.",
        "Ann Lee joined design because Okta added them to Designers.",
        "Ann Lee became admin because Okta added them to Platform Admins.",
        "Ann Lee became member because Okta removed them from Platform Admins.",
        "Ann Ray has a new profile because Okta reported them.",
        "Ann Lee lost all access because Okta deactivated them.",
        "Ann Lee got access again as member in design because Okta reported them.",
        "Ann Lee lost all access because Okta deleted them.",
    ]


def test_what_moves_nobody_is_said_too() -> None:
    world = acme().given(reported("ann"))
    world.when(
        reported("ann"),
        group("staff", "Staff"),
        joined("ann", "staff"),
        joined("ann", "staff"),
        left("bo", "staff"),
        group_deleted("staff"),
    )
    assert world.sentences() == [
        "Okta reported Ann Lee.",
        "Okta reported the group Staff.",
        "Access stayed as it was for Ann Lee, although Okta added them to Staff.",
        "Nothing changed for Ann Lee, although Okta added them to Staff.",
        "Nothing changed for bo, although Okta removed them from Staff.",
        "Okta deleted the group Staff.",
    ]


def test_every_decision_about_a_person_shows_access_before_and_after() -> None:
    world = acme().given(reported("ann"))
    world.when(joined("ann", "admins"))
    entry = world.the(AuditEntry)
    assert (entry.access_from, entry.access_to) == (access("member"), access("admin"))
    assert (entry.decision, entry.actor, entry.subject) == (
        "changed",
        "directory/directory_okta",
        f"member/{world.member_id('ann')}",
    )


def test_a_generic_idp_goes_by_its_directorys_name() -> None:
    world = acme().given(directory("d-2", "Acme HR", "generic"))
    world.when(reported("ann", directory="d-2"))
    assert world.sentences() == ["Ann Lee joined as member because Acme HR reported them."]


@pytest.mark.parametrize(
    ("before", "after", "again", "movement"),
    [
        (NO_ACCESS, access("admin"), False, "joined as admin"),
        (NO_ACCESS, access(None, grant("a")), False, "joined in a"),
        (NO_ACCESS, access("m", grant("a"), grant("b")), True, "got access again as m in a and b"),
        (access("admin"), NO_ACCESS, True, "lost all access"),
        (access("member"), access("admin"), True, "became admin"),
        (access("admin", grant("a")), access(None, grant("a")), True, "is no longer admin"),
        (access("m"), access("m", grant("a"), grant("b"), grant("c")), True, "joined a, b and c"),
        (access("m", grant("a")), access("n", grant("b")), True, "became n, joined b and left a"),
        (access("m", grant("a")), access("m", grant("a", "lead")), True, "is lead in a"),
        (access("m", grant("a", "lead")), access("m", grant("a")), True, "is without a role in a"),
    ],
)
def test_movements_in_words(before: Access, after: Access, again: bool, movement: str) -> None:
    assert explain.movement(before, after, provisioned=again) == movement
