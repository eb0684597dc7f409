"""Groups by SCIM and their members, exchange by exchange (access-rules §2)."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas import limits, scim
from schemas.access import NO_ACCESS
from schemas.changes import AnyChange
from schemas.codec import Output
from schemas.commands import RefreshClaims
from schemas.events import AuditEntry, MemberRoleChanged, MemberWorkspacesChanged
from schemas.recorded import ChangeSettled, GroupRecorded, MembershipRecorded, WarningRecorded
from schemas.state import DirectoryGroup, DirectoryUser, Edge, Member
from tests.core import folding
from tests.core.scenario import (
    DIRECTORY,
    UP_TO_DATE,
    World,
    access,
    acme,
    by_scim,
    crowd,
    grant,
    idp_id,
    policy,
    role,
    scim_changed,
    scim_created,
    scim_deleted,
    scim_group,
    scim_members,
)
from tests.core.test_gates import CUT_OFF
from tests.core.test_scim_users import told

DEMOTED = (MemberRoleChanged, RefreshClaims)


def changed(
    group_id: str, base: int = UP_TO_DATE, *, closes: bool = False, **changes: Any
) -> scim.ScimGroupChanged:
    about = by_scim(base, group_id=group_id)
    return scim.ScimGroupChanged(**about, changed=changes, closes=closes)


def gone(group_id: str, base: int = UP_TO_DATE) -> scim.ScimGroupDeleted:
    return scim.ScimGroupDeleted(**by_scim(base), group_id=group_id)


def okta() -> World:
    """Ann and Bo, who are in no group."""
    return acme("scim").given(scim_created("ann"), scim_created("bo"))


def group(world: World, group_id: str) -> DirectoryGroup:
    return world.records("group", DirectoryGroup)[DIRECTORY, group_id]


def members(world: World, group_id: str) -> list[str]:
    """Who is in a group, as the state has it."""
    edges = world.records("users-in", Edge)
    return [who for (_, where, who), edge in edges.items() if where == group_id and edge.present]


# --- the group itself


def test_a_group_whose_name_exists_is_made_only_under_an_external_id_of_its_own() -> None:
    world = okta()
    assert told(world, scim_group("g-2", "PLATFORM admins")) == (409, "uniqueness")
    assert "refresh app groups" in world.answer()[1]["detail"]
    assert told(world, scim_group("g-2", "Platform Admins", externalId="e-2")) == (201, "g-2")
    assert told(world, scim_group("g-3", "Leads", externalId="e-2")) == (409, "uniqueness")
    assert told(world, changed("admins", externalId="e-2")) == (409, "uniqueness")
    assert told(world, changed("g-2", externalId="e-3")) == (200, "g-2")
    assert told(world, scim_group("g-3", "Leads", externalId="e-2")) == (201, "g-3")


def test_a_post_whose_first_try_was_given_up_makes_no_second_group() -> None:
    world = okta().given(scim_group("g-2", "Leads"))
    assert told(world, scim_group("g-2", "Leads")) == (201, "g-2")
    assert world.all(GroupRecorded) == []
    world.given(gone("g-2"))
    assert told(world, scim_group("g-2", "Leads")) == (412, "gone")


def test_a_late_post_after_its_retry_and_a_deletion_makes_no_group() -> None:
    world = okta()
    late = world.read(scim_group("g-1", "Leads"))
    world.given(scim_group("g-2", "Leads"), gone("g-2"))
    assert told(world, late) == (412, "stale")
    assert (DIRECTORY, "g-1") not in world.records("group", DirectoryGroup)
    assert told(world, scim_group("g-1", "Leads")) == (201, "g-1")


def test_a_name_that_is_the_same_is_no_news() -> None:
    world = okta()
    assert told(world, changed("admins")) == (200, "admins")
    assert world.sentences() == []
    assert told(world, changed("admins", displayName="Root")) == (200, "admins")
    assert world.sentences() == ["Okta reported the group Root."]
    assert world.the(GroupRecorded).name == "Root"
    assert told(world, scim_group("g-2", "Platform Admins")) == (201, "g-2"), "its name is free"


def test_an_older_name_does_not_come_back() -> None:
    world = okta()
    older = world.read(changed("admins", displayName="Old"))
    world.given(changed("admins", displayName="New"))
    assert told(world, older) == (412, "stale")
    assert group(world, "admins").name == "New"


def test_the_members_of_a_group_that_ends_lose_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMBERS_PER_CHUNK", 2)
    world = acme("scim").given(role("member", 20, default=False))
    world.given(*[scim_created(name) for name in crowd(5)], scim_members("admins", *crowd(5)))
    assert told(world, gone("admins")) == (204, "admins")
    world.then()
    assert world.work_through() == 3
    world.then(*CUT_OFF * 5)
    assert members(world, "admins") == []
    for late in (scim_members("admins", "p0001"), changed("admins", displayName="X")):
        assert told(world, late) == (404, "not_found")
    assert told(world, gone("admins")) == (404, "not_found")


def test_a_group_that_is_pushed_again_grants_nothing_by_its_name() -> None:
    world = okta().given(gone("admins"), scim_group("g-2", "Platform Admins"))
    assert told(world, scim_members("g-2", "ann")) == (200, "g-2")
    world.then()
    assert world.access_of("ann") == access("member")


# --- its members


def test_members_come_and_go() -> None:
    world = okta()
    assert told(world, scim_members("designers", "ann", "bo")) == (200, "designers")
    world.then(MemberWorkspacesChanged, MemberWorkspacesChanged)
    assert world.access_of("bo") == access("member", grant("design", "viewer"))
    assert folding.memberships(world.outputs) == {
        (DIRECTORY, "designers", "ann"),
        (DIRECTORY, "designers", "bo"),
    }
    before = world.the(GroupRecorded).revision
    assert told(world, scim_members("designers", removed=("ann",))) == (200, "designers")
    world.then(MemberWorkspacesChanged)
    assert world.the(GroupRecorded).revision > before, "its version names its members too"
    assert members(world, "designers") == ["bo"]


def test_of_whom_we_know_only_some_these_are_added_and_a_warning_is_told_once() -> None:
    world = okta()
    assert told(world, scim_members("admins", "ann", "ghost", "phantom")) == (200, "admins")
    world.then(MemberRoleChanged)
    warning = world.the(WarningRecorded)
    assert (warning.kind, warning.what) == ("unknown_member", "admins")
    assert members(world, "admins") == ["ann"]
    assert told(world, scim_members("admins", "ghost")) == (200, "admins")
    assert world.all(WarningRecorded) == []


def test_who_was_deleted_is_unknown() -> None:
    world = okta().given(scim_deleted("ann"))
    assert told(world, scim_members("admins", "ann")) == (200, "admins")
    assert len(world.all(WarningRecorded)) == 1
    assert members(world, "admins") == []


def test_removing_somebody_unknown_is_nothing() -> None:
    world = okta()
    assert told(world, scim_members("admins", removed=("ghost",))) == (200, "admins")
    assert (world.all(WarningRecorded), world.all(AuditEntry)) == ([], [])
    assert world.records("users-in", Edge) == {}


def test_a_group_in_a_group_is_stored_and_never_expanded() -> None:
    world = okta().given(scim_group("leads", "Leads"), scim_members("leads", "ann"))
    assert told(world, scim_members("admins", "leads")) == (200, "admins")
    world.then()
    assert world.all(WarningRecorded) == []
    assert world.the(MembershipRecorded).user_id == "leads"
    assert members(world, "admins") == ["leads"]
    assert world.access_of("ann") == access("member")


def test_a_late_addition_after_a_removal_changes_nothing() -> None:
    world = okta().given(scim_members("admins", "ann"))
    late = world.read(scim_members("admins", "ann", "bo"))
    world.given(scim_members("admins", removed=("ann",)))
    assert told(world, late) == (412, "stale")
    world.then()
    assert members(world, "admins") == [], "all of them, or none"


def test_a_late_removal_after_an_addition_changes_nothing() -> None:
    world = okta().given(scim_members("admins", "ann"), scim_members("admins", removed=("ann",)))
    late = world.read(scim_members("admins", removed=("ann",)))
    world.given(scim_members("admins", "ann"))
    assert told(world, late) == (412, "stale")
    assert members(world, "admins") == ["ann"]


def test_who_says_the_same_late_is_not_refused() -> None:
    world = okta()
    late = world.read(scim_members("admins", "ann"))
    world.given(scim_members("admins", "ann", "bo"))
    assert told(world, late) == (200, "admins")
    world.then()


def test_an_addition_that_was_built_on_less_than_a_replacement_does_not_come_in() -> None:
    world = okta().given(scim_members("admins", "bo"))
    late = world.read(scim_members("admins", "ann"))
    assert told(world, changed("admins", closes=True)) == (200, "admins")
    assert told(world, scim_members("admins", removed=("bo",))) == (200, "admins")
    world.then(*DEMOTED)
    assert told(world, late) == (412, "stale")
    assert members(world, "admins") == []
    assert told(world, scim_members("admins", "ann")) == (200, "admins")


def test_a_version_that_the_client_names_is_refused_by_any_newer_change() -> None:
    world = okta()
    for make in (
        lambda: scim_members("admins", "bo"),
        lambda: changed("admins", displayName="Root"),
        lambda: gone("admins"),
    ):
        exact = replace(world.read(make()), exact=True)
        world.given(scim_members("admins", "ann"))
        assert told(world, exact) == (412, "stale")
        world.given(scim_members("admins", removed=("ann",)))
    assert told(world, replace(world.read(gone("admins")), exact=True)) == (204, "admins")


def test_members_of_a_group_that_is_not_there_are_refused() -> None:
    world = okta()
    assert told(world, scim_members("g-9", "ann")) == (404, "not_found")
    assert "refresh app groups" in world.answer()[1]["detail"]
    assert world.member("ann").applied != NO_ACCESS


# --- however they arrive

_NAMES = ("ann", "bo", "cy")
_doing = st.tuples(
    st.integers(0, 10), st.sampled_from(_NAMES), st.integers(0, 9), st.integers(0, 7)
)


def _change(  # noqa: PLR0911 # one arm a kind of change
    what: int, name: str, user_id: str, base: int
) -> AnyChange:
    """One of the things that a client may do, by what it had read."""
    match what:
        case 0 | 1:
            return scim_created(name, as_user=user_id, base=base)
        case 2:
            recycled = f"{name}@acme.example"
            return scim_created("di", as_user=user_id, base=base, userName=recycled)
        case 3 | 4:
            return scim_changed(user_id, base, active=what == 3)
        case 5:
            return scim_changed(user_id, base, externalId=idp_id(name), title=name)
        case 6:
            return scim_deleted(user_id, base)
        case 7:
            return scim_members("admins", removed=(user_id, "ghost"), base=base)
        case _:
            return scim_members("admins", user_id, "ghost", base=base)


@settings(max_examples=100)
@given(st.lists(_doing, min_size=5, max_size=30), st.booleans())
def test_every_change_is_settled_once_and_nothing_is_told_twice(
    doings: list[tuple[int, str, int, int]], guards: bool
) -> None:
    world = acme("scim").given(policy(sole_admin="block" if guards else "allow"))
    said, bases, made = list(world.outputs), [UP_TO_DATE], ["none"]
    for index, (what, name, whom, late) in enumerate(doings):
        user_id = f"{name}-{index}" if what < 3 else made[whom % len(made)]
        base = UP_TO_DATE if late > 3 else bases[max(0, len(bases) - 1 - late)]
        change = world.read(_change(what, name, user_id, base))
        world.when(change)
        world.answer()
        bases.append(world.the(ChangeSettled).revision)
        made += [user_id] if what < 3 else []
        world.work_through()
        said += world.outputs
    ids = Counter(output.event_id for output in said)
    assert [found for found, count in ids.items() if count > 1] == []
    _is_consistent(world, said)


def _is_consistent(world: World, said: list[Output]) -> None:
    """Names are unique; what was told is what stands; whoever is to go is on hold."""
    users = {key[1]: user for key, user in world.records("user", DirectoryUser).items()}
    for kind in ("userName", "externalId"):
        held_names = [u.resource[kind] for u in users.values() if not u.deleted]
        assert len(held_names) == len(set(held_names))
    active = {(DIRECTORY, user_id) for user_id, user in users.items() if user.active}
    assert folding.active_users(said) == active
    for (member_id,), member in world.records("member", Member).items():
        known = folding.members(said).get(member_id, folding.Known())
        assert (known.access, known.revision) == (member.applied, member.revision)
        assert (member.applied == member.desired) == (member.hold is None)
        for key in member.users:
            assert users[key.user_id].member_id == member_id
            assert users[key.user_id].leaving is None or member.hold is not None
