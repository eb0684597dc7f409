"""A page of changes is as good as its changes one by one, and no better."""

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from processors.core import directory
from processors.core.draft import Decision, Draft, UndecidableError
from processors.lane import Lane
from schemas import changes, codec, limits
from schemas.changes import Page, UserReported
from schemas.codec import InvalidMessageError
from schemas.envelope import REPLAY
from schemas.letters import Letter
from tests.core import scenario
from tests.core.scenario import ARRIVED, TENANT, reported
from tests.processors.test_lane import Sent
from tests.processors.test_step import LANE, Message, keep, new_step, said, take

DECIDE = directory.user_reported


def page(*reports: UserReported) -> Page:
    return Page(change_id="page-1", tenant_id=TENANT, recorded_at=ARRIVED, changes=reports)


@dataclass
class Picky:
    """Cannot decide some people, for as long as it is told so."""

    refused: set[str]

    def __call__(self, draft: Draft, change: UserReported) -> Decision:
        if change.user.user_id in self.refused:
            raise UndecidableError("not this one")
        return DECIDE(draft, change)


@pytest.fixture
def picky(monkeypatch: pytest.MonkeyPatch) -> Picky:
    made = Picky(set())
    monkeypatch.setattr(directory, "user_reported", made)
    return made


def test_a_page_says_what_its_changes_say_one_by_one() -> None:
    reports = [reported(name) for name in ("ann", "bo", "cy")]
    alone, together = new_step(scenario.acme()), new_step(scenario.acme())
    take(alone, *reports)
    together.take(LANE, Message(0, codec.encode(page(*reports))))
    assert together.records() == alone.records()
    assert together.outcomes == alone.outcomes == {"applied": 3}


def test_a_bad_change_of_a_page_is_a_letter_and_the_others_are_decided(picky: Picky) -> None:
    picky.refused = {"bo"}
    world = scenario.acme()
    step = new_step(world)
    bo = reported("bo")
    step.take(LANE, Message(7, codec.encode(page(reported("ann"), bo, reported("cy")))))
    (letter,) = step.letters
    assert (letter.offset, letter.value) == (7, codec.encode(bo))
    assert step.outcomes == {"applied": 2, "refused": 1}
    keep(world, step)

    picky.refused = set()
    again = Message(8, letter.value or b"")
    again.headers = [*letter.headers, (REPLAY, letter.event_id.encode())]
    replayed = new_step(world, letters_open=True)
    replayed.take(LANE, again)
    keep(world, replayed)
    assert replayed.outcomes == {"applied": 1}
    assert not world.records("letter", Letter)


def test_two_letters_of_one_page_about_one_person_keep_their_order(picky: Picky) -> None:
    picky.refused = {"ann"}
    for offset in range(6):  # ids of letters are as good as random
        step = new_step(world := scenario.acme())
        earlier, later = reported("ann"), reported("ann", email="ann.new@example.com")
        step.take(LANE, Message(offset, codec.encode(page(earlier, later))))
        assert [letter.reason for letter in step.letters] == ["undecidable", "waiting"]
        assert len({letter.event_id for letter in step.letters}) == 2
        keep(world, step)
        waiting = [record.letter_id for record in world.records("letter", Letter).values()]
        assert waiting == [letter.event_id for letter in step.letters]


def test_each_change_of_a_page_counts_in_the_budget(picky: Picky) -> None:
    names = [f"p{number}" for number in range(limits.PAGE_CHANGES)]
    picky.refused = set(names)
    step = new_step(scenario.acme())
    made = codec.encode(page(*map(reported, names)))
    step.take(LANE, Message(0, made))
    before = step.spent
    step.take(LANE, Message(1, made))  # the second time all of them wait, by no fault of theirs
    assert (before, step.spent) == (False, False)
    others = [f"q{number}" for number in range(limits.PAGE_CHANGES)]
    picky.refused |= set(others)
    step.take(LANE, Message(2, codec.encode(page(*map(reported, others)))))
    assert step.spent


def test_a_page_that_did_not_decode_is_replayed_whole_and_once() -> None:
    world = scenario.acme()
    whole = page(reported("ann"), reported("bo"))
    broken = Message(0, b"{")
    broken.headers = codec.envelope_of_change(whole, "tests").headers()
    first = new_step(world)
    first.take(LANE, broken)
    keep(world, first)
    (letter,) = first.letters
    again = Message(1, codec.encode(whole))
    again.headers = [*letter.headers, (REPLAY, letter.event_id.encode())]
    for outcomes in ({"applied": 2}, {"repeat": 1}):
        step = new_step(world, letters_open=True)
        step.take(LANE, again)
        keep(world, step)
        assert step.outcomes == outcomes
    assert not world.records("letter", Letter)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (page(reported("ann"), replace(reported("eve"), tenant_id="other")), "another tenant"),
        (page(*[reported("ann")] * (limits.PAGE_CHANGES + 1)), "at most 100"),
        (page(reported("ann", active=False)), "an urgent change"),
    ],
)
def test_a_page_that_is_none_is_refused_whole(made: Page, why: str) -> None:
    with pytest.raises(InvalidMessageError, match=why):
        codec.decode_inbound(TENANT.encode(), codec.encode(made))
    step = new_step(scenario.acme())
    step.take(LANE, Message(0, codec.encode(made)))
    assert [letter.reason for letter in step.letters] == ["undecodable"]
    assert not said(step, "directory-events")


def test_a_page_is_no_single_change() -> None:
    with pytest.raises(InvalidMessageError, match="a page stands"):
        codec.decode_change(TENANT.encode(), codec.encode(page()))
    assert not changes.is_urgent(page())


def test_a_step_takes_long_messages_few_at_a_time() -> None:
    lane = Lane("directory-changes", "topic-id", 0)
    for offset in range(4):
        message = Sent(offset, [])
        message.value = b" " * (limits.STEP_BYTES // 2)
        lane.put(message)
    assert [message.offset for message in lane.take(200)] == [0, 1]
    assert [message.offset for message in lane.take(200)] == [2, 3]
    huge = Sent(4, [])
    huge.value = b" " * (2 * limits.STEP_BYTES)
    lane.put(huge)
    assert [message.offset for message in lane.take(200)] == [4]
