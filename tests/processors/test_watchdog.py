"""What the watchdog makes of what it sees, and what it sees on a real broker."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    NewPartitions,
)

from processors import broker
from processors.broker import Broker, Place
from processors.fatal import StuckError
from processors.watchdog import Reach, Seen, Stands, Watchdog, judge
from schemas import limits, topics
from schemas.positions import LogMismatchError
from tests.harness import PARTITIONS, STOP_SECONDS, World
from tests.processors.telling import made_anew

LANE = ("directory-changes", 0)
URGENT = ("directory-changes-urgent", 0)
CHANGELOG = ("state-changelog", 3)
STUCK = limits.STUCK_SECONDS


def seen(at: float, due: int, end: int | None, **more: Any) -> Seen:
    """One lane that is to go on at `due`, in a log that ends at `end`."""
    ends = {} if end is None else {LANE: end}
    look = Seen(at=at, dues={LANE: due}, ends=ends, recovery=None)
    return msgspec.structs.replace(look, **more)


def recovering(at: float, offset: int, **more: Any) -> Seen:
    return seen(at, 0, None, dues={}, recovery={CHANGELOG: Reach(offset, 97)}, **more)


def judged(*looks: Seen) -> Stands:
    stands: Stands = {}
    for look in looks:
        stands = judge(stands, look)
    return stands


def test_a_lane_with_something_to_read_that_does_not_move_is_stuck() -> None:
    judged(seen(0, 5, 6), seen(STUCK - 1, 5, 9))
    with pytest.raises(StuckError, match=r"directory-changes\[0\] stands still at 5 .* to 9"):
        judged(seen(0, 5, 6), seen(STUCK, 5, 9))


@pytest.mark.parametrize(
    "between",
    [seen(9, 5, 5), seen(9, 6, 7), seen(9, 5, None), seen(9, 5, None, dues={})],
    ids=["read all", "moved", "no word from the broker", "parked, or between generations"],
)
def test_its_time_begins_anew_when_it(between: Seen) -> None:
    assert judged(seen(0, 5, 6), between, seen(STUCK, 5, 6))[LANE].since == STUCK


def test_one_lane_that_moves_does_not_hide_another_that_does_not() -> None:
    both = [
        seen(at, due, 9, dues={LANE: due, URGENT: 1}, ends={LANE: 9, URGENT: 2})
        for at, due in ((0, 5), (STUCK, 6))
    ]
    with pytest.raises(StuckError, match="urgent"):
        judged(*both)


def test_a_lane_may_rest_while_urgent_changes_go_first() -> None:
    def look(at: float, urgent: int) -> Seen:
        return seen(at, 5, 9, dues={LANE: 5, URGENT: urgent}, ends={LANE: 9, URGENT: 99})

    judged(look(0, 1), look(STUCK, 50), look(2 * STUCK, 98))
    with pytest.raises(StuckError, match=r"directory-changes\[0\] stands still at 5"):
        judged(look(0, 1), look(STUCK, 99), look(2 * STUCK, 99))


def test_a_log_that_ends_before_what_was_read_ends_the_process_at_once() -> None:
    with pytest.raises(LogMismatchError, match="ends at 4, but 4 was read"):
        judged(seen(0, 5, 4))


def test_recovery_may_take_long_but_not_stand_still() -> None:
    judged(recovering(0, 40), recovering(STUCK, 41), recovering(2 * STUCK - 1, 41))
    with pytest.raises(StuckError, match=r"state-changelog\[3\] at 41 of 97.*cannot be read"):
        judged(recovering(0, 41), recovering(STUCK, 41))


def test_recovery_that_stands_still_without_a_broker_says_so() -> None:
    with pytest.raises(StuckError, match="Kafka does not answer"):
        judged(recovering(0, 41), recovering(STUCK, 41, answered=False))


class Owner:
    """What is watched: one lane of one partition, at an offset."""

    def __init__(self, world: World, due: int) -> None:
        self.place: Place = (world.settings.topic("directory-changes"), 0)
        self.due = due

    def dues(self) -> dict[Place, int]:
        return {self.place: self.due}

    def places(self) -> dict[Place, int]:
        return self.dues()

    def measure(self, ends: Mapping[Place, int]) -> None:
        """There is nothing to show."""

    def recovery(self) -> None:
        return None

    def standbys(self) -> list[Place]:
        return []

    def touch(self, ends: Mapping[Place, int]) -> None:
        """There is nothing to stamp."""


def shorten(_: World, owner: Owner) -> None:
    """Nothing can shorten a log's end: a lane that was read beyond it looks the same."""
    owner.due += 1


def grow(world: World, owner: Owner) -> None:
    topic = owner.place[0]
    with AdminClient({"bootstrap.servers": world.settings.require_kafka()}) as admin:
        more = admin.create_partitions([NewPartitions(topic, PARTITIONS + 1)])
        more[topic].result(STOP_SECONDS)


def delete(world: World, owner: Owner) -> None:
    topic = owner.place[0]
    with AdminClient({"bootstrap.servers": world.settings.require_kafka()}) as admin:
        admin.delete_topics([topic])[topic].result(STOP_SECONDS)


def make_anew(world: World, owner: Owner) -> None:
    made_anew(world, topics.CHANGES.name)
    owner.due = 0  # as if it had grown to the same length by now


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("mischief", "said"),
    [
        (shorten, "ends at 1, but 1 was read"),
        (grow, "has 5 partitions now"),
        (delete, "is gone"),
        (make_anew, "was made anew|is gone"),  # for a moment it is neither
    ],
)
def test_a_log_that_changes_while_we_run_ends_the_process(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    mischief: Callable[[World, Owner], None],
    said: str,
) -> None:
    monkeypatch.setattr(limits, "WATCH_SECONDS", 0.05)
    owner = Owner(world, due=1)
    with Producer({"bootstrap.servers": world.settings.require_kafka()}) as producer:
        producer.produce(owner.place[0], b"{}", b"acme", owner.place[1])
    dog = Watchdog(Broker(world.settings, world.installation), owner)
    look = asyncio.run(dog._look())
    assert look.ends == {owner.place: 1}
    assert judge({}, look) == {}
    mischief(world, owner)
    with pytest.raises(LogMismatchError, match=said):
        asyncio.run(dog.run())


@pytest.mark.kafka
def test_without_a_broker_there_is_no_verdict(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_ANSWER_SECONDS", 0.1)
    owner = Owner(world, due=1)
    nowhere = world.settings.model_copy(update={"kafka": "127.0.0.1:1"})
    look = asyncio.run(Watchdog(Broker(nowhere, world.installation), owner)._look())
    assert (look.answered, look.ends, look.dues) == (False, {}, owner.dues())
