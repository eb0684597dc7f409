"""However changes arrive, the end is what happened at the IdP (tests/reference.py)."""

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.core import access
from processors.core.draft import Draft
from schemas import events, limits
from schemas.access import Because, MemberRef
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
from schemas.work import Trigger
from tests import reference
from tests.core import folding, histories
from tests.core.histories import Arrival
from tests.core.partition import Partition
from tests.core.scenario import ARRIVED, records

R = TypeVar("R", DirectoryUser, DirectoryGroup, Edge)

pytestmark = pytest.mark.timeout(400)  # Hypothesis may take 300 s to make a find small


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    """Groups of five people take several chunks too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MEMBERS_PER_CHUNK", 2)
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
    """The folds of the access events and deprovisions are the members; no id occurs twice."""
    members = {id_: member for (id_,), member in partition.records("member", Member).items()}
    told = folding.members(partition.said)
    assert set(told) == {id_ for id_, member in members.items() if member.provisioned}
    for id_, known in told.items():
        assert known == _as_known(id_, members[id_])
    without = {id_ for id_ in told if members[id_].applied.standing == "none"}
    assert folding.deprovisioned(partition.said) == without
    kinds = Counter(type(output) for output in partition.said)
    lost = events.MemberDeactivated, events.PersonDeprovisioned, RevokeSessions
    assert len({kinds[kind] for kind in lost}) == 1
    ids = Counter(output.event_id for output in partition.said)
    assert [found for found, count in ids.items() if count > 1] == []


def _is_settled(partition: Partition) -> None:
    """Nothing lags: desired access is what a fresh computation gives, and it is applied."""
    users = partition.records("user", DirectoryUser)
    for tenant in histories.TENANTS:
        draft = Draft(partition.state, tenant, _TRIGGER, ARRIVED)
        for id_, member in records(partition.state, tenant, "member", Member).items():
            held = tuple((key, users[key.directory_id, key.user_id]) for key in member.users)
            wanted = access.desired(draft, access.speaking(draft, held)).access
            assert wanted == member.desired == member.applied, id_


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


def _as_known(member_id: str, member: Member) -> folding.Known:
    ref = MemberRef(
        member_id=member_id,
        external_ids=member.external_ids,
        email=member.email,
        display_name=member.display_name,
    )
    return folding.Known(member.revision, member.applied, ref, member.attributes)


_TRIGGER = Trigger(
    cause="",
    recorded_at=ARRIVED,
    occurred_at=ARRIVED,
    actor="",
    phrase="",
    because=Because(kind="admin", id="", name=""),
)
