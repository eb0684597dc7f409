"""What one step holds: a message that fails leaves nothing behind but its letter."""

import msgspec
import pytest

from processors import step as module
from processors.core import members, work
from processors.core.draft import Draft
from processors.lane import Lane
from processors.state_view import StoredState
from processors.step import Step
from schemas import changes, codec, limits, metrics, state
from schemas.envelope import REPLAY, Headers
from schemas.letters import Budget, Letter, budget_key
from schemas.recorded import UserRecorded
from schemas.settings import Settings
from schemas.state import DirectoryUser, Position
from tests.core import scenario
from tests.core.scenario import ARRIVED, TENANT, reported

LANE = Lane("directory-changes", "topic-id", 0)


class Message:
    """A message as it stands on a lane."""

    def __init__(self, offset: int, value: bytes, key: bytes = b"acme") -> None:
        self.offset, self.key, self.value = offset, key, value
        self.headers: Headers = [("ce_id", b"event")]
        self.timestamp = 0.0

    def acknowledge(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


def new_step(world: scenario.World, *, letters_open: bool = False) -> Step:
    return Step(Settings(), world.state, 3, lambda: ARRIVED, letters_open=letters_open)


def take(step: Step, *given: changes.AnyChange | bytes) -> None:
    for offset, each in enumerate(given):
        value = each if isinstance(each, bytes) else codec.encode(each)
        step.take(LANE, Message(offset, value))


def keep(world: scenario.World, step: Step) -> None:
    """The step is committed."""
    for key, value in step.writes.items():
        world.store.write(key, value)


def said(step: Step, topic: str) -> list[bytes]:
    return [record.value or b"" for record in step.records() if record.topic == topic]


def test_a_message_that_fails_leaves_what_others_wrote() -> None:
    step = new_step(scenario.acme())
    take(step, reported("ann"), b"\xff", reported("bo"))
    known = {state.parts_of(key)[-1] for key in step.writes if key.startswith(b"user\0")}
    assert known == {"ann", "bo"}
    assert [letter.offset for letter in step.letters] == [1]
    assert len(said(step, "dead-letters")) == 1


def test_what_the_broker_would_refuse_is_a_letter_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slugs = [f"{number}-{'x' * 200}" for number in range(40)]
    grants = [scenario.grant(slug) for slug in slugs]
    world = scenario.acme().given(
        *map(scenario.workspace, slugs), scenario.mapping("big", None, *grants), reported("ann")
    )
    monkeypatch.setattr(module, "_LARGEST", 8_000)
    step = new_step(world)
    take(step, scenario.joined("ann", "big"), reported("bo"))
    (letter,) = step.letters
    assert letter.reason == "undecidable"
    assert "make what it is about smaller" in letter.detail
    told = said(step, "directory-events")
    assert [msgspec.json.decode(value, type=UserRecorded).user_id for value in told] == ["bo"]


def test_of_a_huge_message_place_and_hash_are_kept() -> None:
    step = new_step(scenario.acme())
    step.take(LANE, Message(0, b"{" * (limits.LETTER_VALUE + 1), key=b"\0" * 70_000))
    (letter,) = step.letters
    assert (letter.value, len(letter.sha256), letter.offset) == (None, 64, 0)
    assert len(codec.encode(letter)) < 4_000
    assert "\0" not in letter.tenant_id


def test_foreign_headers_make_no_letter_that_the_broker_would_refuse() -> None:
    message = Message(0, b"{")
    message.headers = [("ce_id", b"\1" * 900_000), ("none", None)]  # type: ignore[list-item] # foreign
    step = new_step(scenario.acme())
    step.take(LANE, message)
    step.reach(LANE, message)
    (letter,) = step.letters
    assert max(len(record.value or b"") for record in step.records()) < 10_000
    assert codec.decode_output("dead-letters", b"acme", codec.encode(letter)) == letter


def test_what_does_not_decode_is_waited_for_by_its_entity() -> None:
    ann = reported("ann")
    message = Message(0, b"{")
    message.headers = codec.envelope_of_change(ann, "tests").headers()
    step = new_step(scenario.acme())
    step.take(LANE, message)
    step.take(LANE, Message(1, codec.encode(ann)))
    step.take(LANE, Message(2, codec.encode(reported("bo"))))
    assert [letter.reason for letter in step.letters] == ["undecodable", "waiting"]
    assert len(said(step, "directory-events")) == 1


@pytest.mark.parametrize(
    "subject", ["user/as/newer/versions/say", None, "x" * 900], ids=["other", "none", "too long"]
)
def test_what_did_not_decode_is_replayed_whatever_its_headers_say(subject: str | None) -> None:
    world = scenario.acme()
    message = Message(0, b"{")
    message.headers = [("ce_subject", subject.encode())] if subject else []
    first = new_step(world)
    first.take(LANE, message)
    keep(world, first)
    (letter,) = first.letters
    again = Message(1, codec.encode(reported("ann")))
    again.headers = [*letter.headers, (REPLAY, letter.event_id.encode())]
    for rulings in (1, 0):
        step = new_step(world, letters_open=True)
        step.take(LANE, again)
        keep(world, step)
        assert len(said(step, "dead-letters")) == rulings
    assert not world.records("letter", Letter)


def test_a_member_that_cannot_be_decided_keeps_nobody_else_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = scenario.crowded(3)
    world.when(scenario.group_deleted("admins"))
    failing, decide = world.member_id("p0001"), members.reevaluate

    def fails(draft: Draft, member_id: str) -> bool:
        if member_id == failing:
            raise ZeroDivisionError
        return decide(draft, member_id)

    monkeypatch.setattr(members, "reevaluate", fails)
    before = metrics.WORK_FAILED._value.get()
    revoked = 0
    while (piece := work.due(world.state, ARRIVED)) is not None:
        step = new_step(world)
        step.do(*piece)
        revoked += len(said(step, "session-revocations-v1"))
        keep(world, step)
    assert revoked == 2
    assert metrics.WORK_FAILED._value.get() == before + 1


def test_the_step_reaches_as_far_as_it_took_and_counts_letters() -> None:
    step = new_step(scenario.acme())
    take(step, reported("ann"), b"{", reported("bo"))
    step.reach(LANE, Message(2, b""))
    position = codec.decode_record(step.writes[state.position_key(LANE.topic)] or b"", Position)
    assert position == Position(topic_id="topic-id", offset=2, ce_id="event")
    budget = codec.decode_record(step.writes[budget_key()] or b"", Budget)
    assert budget == Budget(seen=2, letters=(1,))
    assert not step.spent


def test_a_fifth_of_the_last_thousand_spends_the_budget() -> None:
    step = new_step(scenario.acme())
    take(step, *[b"{"] * (limits.BUDGET_LETTERS - 1))
    before = step.spent
    take(step, b"{")
    assert (before, step.spent) == (False, True)
    assert len(step.letters) == limits.BUDGET_LETTERS


def test_the_state_is_not_touched_before_the_commit() -> None:
    world = scenario.acme()
    before = dict(world.store.values)
    take(new_step(world), reported("ann"))
    assert world.store.values == before
    assert StoredState(world.store).get(state.user_key(TENANT, "d", "ann"), DirectoryUser) is None
