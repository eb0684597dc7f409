"""Whatever product, administrators and directories say of people: no record lies, none is doubled.

In any order and number; who a member is, or may be, is named by its place among those that are
there, so that what Hypothesis makes up meets somebody.
"""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from typing_extensions import override

from schemas import ids, limits
from schemas.changes import AnyChange, UserReported
from schemas.names import comparable
from schemas.settings_changes import AnySettingsChange, RuleHold
from schemas.state import Member
from tests.core import histories, people, soundness
from tests.core import scenario as say
from tests.core.histories import Arrival
from tests.core.partition import Partition

pytestmark = pytest.mark.timeout(400)  # Hypothesis may take 300 s to make a find small
_NUMBERS = st.integers(0, 5)
_PRODUCT = st.sampled_from(("p-1", "p-2", "p-3"))
_NAMES = st.sampled_from(("ann", "bo", "cy", "new"))
_PLACES = st.sampled_from(histories.DIRECTORIES)


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    """Groups of five people take several chunks too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MEMBERS_PER_CHUNK", 2)
        patch.setattr(limits, "BREAKER_LEAST", 2)
        yield


@settings(max_examples=100)
@given(st.data())
def test_no_record_lies_and_none_is_doubled(data: st.DataObject) -> None:
    made = data.draw(histories.settings())
    first = data.draw(st.lists(_word(_OF_THE_PRODUCT), min_size=1, max_size=4))
    words = data.draw(st.lists(_word(_OF_ALL), min_size=8, max_size=24))
    course = data.draw(histories.courses(_numbered("words", words)))
    partition = _Watched()
    made += _numbered("first", first)
    partition.run([Arrival(change, commits=True, chunks=0) for change in made])
    partition.run(course.arrivals)
    for tenant in histories.TENANTS:
        soundness.holds(partition.state, tenant, partition.said)


class _Watched(Partition):
    """Knows whom a change means by a number, and that nobody is made whom the product has."""

    @override
    def take(self, change: AnyChange) -> None:
        before = self.members(change.tenant_id)
        super().take(_named(change, before))
        if isinstance(change, UserReported):
            after = self.members(change.tenant_id)
            for member_id in after.keys() - before.keys():
                _is_not_doubled(after[member_id], change.directory_id, list(before.values()))

    def members(self, tenant: str) -> dict[str, Member]:
        """A tenant's members as they stand now."""
        self.commit()
        found = say.records(self.state, tenant, "member", Member)
        return {member_id: member for (member_id,), member in found.items()}


def _named(change: AnyChange, there: dict[str, Member]) -> AnyChange:
    """The change with ids instead of numbers; who is ruled on is on hold, if anybody is."""
    number = getattr(change, "member_id", None)
    if number is None or not there:
        return change
    if not isinstance(change, RuleHold):
        return replace(change, member_id=_pick(sorted(there), number))
    waiting = sorted(each for each, member in there.items() if member.rivals)
    on_hold = sorted(each for each, member in there.items() if member.hold is not None)
    meant = _pick(waiting or on_hold or sorted(there), number)
    rivals = there[meant].rivals
    into = _pick(rivals, change.into) if change.into is not None and rivals else None
    return replace(change, member_id=meant, into=into)


def _pick(of: Sequence[str], number: str) -> str:
    return of[int(number) % len(of)]


def _numbered(series: str, made: list[AnySettingsChange]) -> list[AnySettingsChange]:
    """With ids that a replay of the same example gives again."""
    return [replace(each, change_id=ids.of_cause(series, str(n))) for n, each in enumerate(made)]


def _is_not_doubled(new: Member, directory_id: str, others: list[Member]) -> None:
    """Who is made at first contact is on hold, if somebody of the product has the address.

    But for whom the same directory has already: it has two people with one address.
    """
    if new.rivals or new.email is None:
        return
    for other in others:
        manual, mine = other.manual, [key.directory_id for key in other.users]
        if manual is not None and manual.standing != "removed" and directory_id not in mine:
            assert comparable(other.email or "") != comparable(new.email)


def _said(  # noqa: PLR0911 # one arm a kind of word
    at: tuple[str, str], product_id: str, name: str, form: int, number: int
) -> AnySettingsChange:
    """One thing that the product says."""
    match form:
        case 0 | 1:
            return people.has(product_id, name, role=("admin", "viewer")[form])
        case 2:
            return people.has(product_id, name, role=None, external_id=say.idp_id(name))
        case 3:
            return people.has(product_id, name, standing="suspended")
        case 4:
            return people.has(product_id, name, role="admin", protected=number == 0)
        case 5:
            return people.has(product_id, name, member_id=str(number))
        case 6:
            return people.domain()
        case _:
            return people.has("p-9", name, role=None, email=f"{at[1]}@acme.example")


def _ruled(  # noqa: C901, PLR0911 # one arm a kind of word
    at: tuple[str, str], user: str, name: str, form: int, number: int
) -> AnySettingsChange:
    """One thing that an administrator says."""
    match form:
        case 0 | 1:
            return people.settled(str(number), "approve", into=str(number))
        case 2:
            return people.settled(str(number), "separate")
        case 3:
            return people.settled(str(number), "discard")
        case 4 | 5:
            return people.linked(str(number), user, at[1])
        case 6:
            return people.unlinked(str(number), at[1])
        case 7:
            return people.domain_gone() if number < 2 else people.domain()
        case 8:
            return say.mode(("testing", "paused", "active", "active")[number % 4], at[1])
        case 9:
            return say.policy(linked=("higher", "directory")[number % 2], breaker="hold")
        case 10:
            return say.policy(sole_admin="block", breaker=("off", "hold")[number % 2])
        case 11:
            return people.gone(f"p-{number % 3 + 1}")
        case 12:
            return people.replaces("dir-1", "dir-2")
        case _:
            return people.switched("dir-2") if number == 0 else people.gone(name)


_OF_THE_PRODUCT = st.builds(_said, _PLACES, _PRODUCT, _NAMES, st.integers(0, 7), _NUMBERS)
_OF_ALL = _OF_THE_PRODUCT | st.builds(
    _ruled, _PLACES, st.sampled_from(histories.USERS), _NAMES, st.integers(0, 13), _NUMBERS
)


def _word(said: st.SearchStrategy[AnySettingsChange]) -> st.SearchStrategy[AnySettingsChange]:
    """Mostly of the tenant that has two directories."""
    tenants = st.sampled_from(("acme", "acme", "acme", "bolt"))
    return st.builds(lambda each, at: replace(each, tenant_id=at), said, tenants)
