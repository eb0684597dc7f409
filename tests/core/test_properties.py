"""However changes arrive, the end is what happened at the IdP (tests/reference.py)."""

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas import events, ids, limits
from schemas.commands import RevokeSessions
from schemas.settings_changes import AnySettingsChange
from schemas.state import (
    Directory,
    DirectoryGroup,
    DirectoryUser,
    Edge,
    Link,
    Member,
)
from tests import reference
from tests.core import folding, histories, soundness
from tests.core import scenario as say
from tests.core.histories import Arrival
from tests.core.partition import Partition
from tests.core.scenario import records

R = TypeVar("R", DirectoryUser, DirectoryGroup, Edge)

pytestmark = pytest.mark.timeout(400)  # Hypothesis may take 300 s to make a find small


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    """Groups of five people take several chunks too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MEMBERS_PER_CHUNK", 2)
        patch.setattr(limits, "BREAKER_LEAST", 1)
        yield


@given(st.data())
def test_any_way_of_delivery_ends_in_what_happened(data: st.DataObject) -> None:
    made = data.draw(histories.settings())
    course = data.draw(histories.courses())
    partition = _ran(made, course.arrivals)
    _ends_as(partition, reference.end_state(made, course.history))
    _is_told(partition)
    _is_settled(partition)


@settings(max_examples=100)
@given(st.data())
def test_settings_may_change_meanwhile(data: st.DataObject) -> None:
    made = data.draw(histories.settings())
    later = data.draw(histories.later_settings())
    course = data.draw(histories.courses(later))
    partition = _ran(made, course.arrivals)
    _ends_as(partition, reference.end_state([*made, *later], course.history))
    _is_told(partition)
    _is_settled(partition)


@settings(max_examples=100)
@given(st.data())
def test_what_lags_is_on_hold_and_the_last_admin_stays(data: st.DataObject) -> None:
    made = data.draw(histories.settings())
    gates: list[AnySettingsChange] = []
    for tenant in histories.TENANTS:
        gates.append(say.policy(tenant, sole_admin="block", breaker=data.draw(_BREAKERS)))
        default = data.draw(st.booleans())  # then all who have access are administrators
        gates.append(say.role("admin", 3, admin=True, default=default, tenant_id=tenant))
    gates += [
        say.mapping("g1", "admin", directory=d, tenant_id=t) for t, d in histories.DIRECTORIES
    ]
    later = data.draw(st.lists(_gate_change(), max_size=8))
    course = data.draw(histories.courses(_numbered("later", later)))
    partition = _ran([*made, *_numbered("gate", gates)], course.arrivals)
    _is_held(partition)
    for tenant in histories.TENANTS:
        _keeps_an_admin(partition, tenant)


def _numbered(series: str, made: list[AnySettingsChange]) -> list[AnySettingsChange]:
    """With ids that a replay of the same example gives again."""
    return [replace(each, change_id=ids.of_cause(series, str(n))) for n, each in enumerate(made)]


_BREAKERS = st.sampled_from(("off", "alert", "hold"))


def _gate_change() -> st.SearchStrategy[AnySettingsChange]:
    """What opens and shuts gates, but for the last administrator's, or moves many at once."""
    place = st.sampled_from(histories.DIRECTORIES)
    modes = st.builds(
        lambda at, mode: say.mode(mode, at[1], tenant_id=at[0]),
        place,
        st.sampled_from(("testing", "paused", "active", "active")),
    )
    mappings = st.builds(
        lambda at, group, role: say.mapping(group, role, directory=at[1], tenant_id=at[0]),
        place,
        st.sampled_from(histories.GROUPS),
        st.sampled_from((None, "viewer", "admin")),
    )
    breakers = st.builds(
        lambda tenant, breaker: say.policy(tenant, breaker=breaker),
        st.sampled_from(histories.TENANTS),
        _BREAKERS,
    )
    return st.one_of(modes, mappings, breakers)


def _ran(made: list[AnySettingsChange], arrivals: list[Arrival]) -> Partition:
    partition = Partition()
    partition.run([Arrival(change, commits=True, chunks=0) for change in made])
    partition.run(arrivals)
    return partition


def _ends_as(partition: Partition, end: reference.EndState) -> None:
    """The state, and what directory-events told the read models, are the reference's end."""
    directories = {id_: d for (id_,), d in partition.records("directory", Directory).items()}
    users = _there(directories, partition.records("user", DirectoryUser))
    assert {place for place, user in users.items() if user.active} == end.active
    groups = _there(directories, partition.records("group", DirectoryGroup))
    assert {place: g.name for place, g in groups.items() if not g.deleted} == end.groups
    of_users, of_groups = partition.records("groups-of", Edge), partition.records("users-in", Edge)
    assert of_users == {(where, user, group): e for (where, group, user), e in of_groups.items()}
    edges = _there(directories, of_groups)
    assert {place for place, edge in edges.items() if edge.present} == end.memberships
    members, links = partition.records("member", Member), partition.records("link", Link)
    for place, person in end.people.items():
        link = links.get(place)
        member = Member() if link is None else members[link.member_id,]
        assert _as_person(member, person) == person, place
    assert len(links) == len(members), "two people of the IdP became one member, or none"
    told = folding.directories(partition.said)
    for id_, directory in directories.items():
        assert directory.connected == end.connected.get(id_, True) == told[id_].connected
        assert directory.on_disconnect == told[id_].on_disconnect
    assert folding.active_users(partition.said) == end.active
    assert folding.groups(partition.said) == end.groups
    assert folding.memberships(partition.said) == end.memberships


def _is_told(partition: Partition) -> None:
    """Whoever lost access was cut off once, and nobody else."""
    kinds = Counter(type(output) for output in partition.said)
    lost = events.MemberDeactivated, events.PersonDeprovisioned, RevokeSessions
    assert len({kinds[kind] for kind in lost}) == 1


def _is_settled(partition: Partition) -> None:
    """Nothing lags: what is desired is applied."""
    _is_held(partition)
    for member in partition.records("member", Member).values():
        assert (member.applied, member.hold) == (member.desired, None)


def _is_held(partition: Partition) -> None:
    """What lags is on hold, and counted; every index says what the members are."""
    for tenant in histories.TENANTS:
        soundness.holds(partition.state, tenant, partition.said)


def _keeps_an_admin(partition: Partition, tenant: str) -> None:
    """There always is an administrator once there was one; of those who are to go one is left."""
    had = has = False
    said = [output for output in partition.said if output.tenant_id == tenant]
    for told in folding.as_told(said):
        has = any(known.access.role == "admin" for known in told.values())
        assert has or not had
        had = has
    members = records(partition.state, tenant, "member", Member).values()
    last = [member for member in members if member.hold and member.hold.reason == "sole_admin"]
    admins = [member for member in members if member.applied.role == "admin"]
    assert not last or len(admins) == 1


def _there(
    directories: dict[str, Directory], records: dict[tuple[str, ...], R]
) -> dict[tuple[str, ...], R]:
    """The records that are newer than the end of their directory."""
    ends = {id_: directory.deleted_at for id_, directory in directories.items()}
    return {
        place: record
        for place, record in records.items()
        if (end := ends[place[0]]) is None or record.stamp > end
    }


def _as_person(member: Member, person: reference.Person) -> reference.Person:
    """A member in the reference's words, which know the email of active people only."""
    has = member.applied
    workspaces = tuple((each.workspace, each.role) for each in has.workspaces)
    email = None if person.email is None else member.email
    return reference.Person(has.standing, has.role, workspaces, email)
