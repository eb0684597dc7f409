"""What operators see of lanes: how much waits, for how long, and who shows it."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from processors.gauges import READER, Behind, Gauges
from processors.lane import Lane
from processors.ownership import PartitionOwnership
from processors.readiness import why_not_ready
from processors.watchdog import Reach
from tests.processors.test_lane import Sent
from tests.processors.test_loop import loop_of

TOPIC = "directory-changes-urgent"


def shown(name: str, partition: int = 3) -> float | None:
    labels = {"reader": READER, "topic": TOPIC, "partition": str(partition)}
    return REGISTRY.get_sample_value(f"rollcall_{name}", labels)


def lane_that_waits(*came_at: float, since: float = 0.0) -> Lane:
    lane = Lane(TOPIC, "topic-id", 0, since)
    for offset, came in enumerate(came_at):
        message = Sent(offset, [])
        message.timestamp = came
        lane.put(message)
    return lane


def test_the_oldest_message_says_how_long_a_lane_waits() -> None:
    assert lane_that_waits(70.0, 90.0).waited(end=2, now=100.0) == 30.0


def test_what_was_not_fetched_yet_came_after_the_last_look_that_found_nothing() -> None:
    lane = lane_that_waits(since=10.0)
    assert lane.waited(end=5, now=40.0) == 30.0
    assert lane.waited(end=0, now=60.0) == 0.0
    assert lane.waited(end=5, now=65.0) == 5.0


def test_under_steady_load_a_lane_waits_no_longer_than_its_newest_messages() -> None:
    lane = lane_that_waits(3_595.0, 3_598.0, since=10.0)
    lane.take(2)
    assert lane.waited(end=4, now=3_600.0) == 2.0


def test_a_broker_whose_clock_is_ahead_makes_nobody_wait_less_than_nothing() -> None:
    assert lane_that_waits(200.0).waited(end=1, now=100.0) == 0.0


def test_a_lane_is_shown_until_it_is_somebody_elses() -> None:
    gauges = Gauges()
    gauges.show([Behind(lane_that_waits(70.0, since=50.0), 3, 4)], [], 100.0)
    assert shown("lag_messages") == 4
    assert shown("lag_seconds") == 30
    assert shown("position_moved_timestamp_seconds") == 50
    gauges.show([], [], 101.0)
    names = ("lag_messages", "lag_seconds", "position_moved_timestamp_seconds")
    assert [shown(name) for name in names] == [None, None, None]


class Owner:
    """A worker's partitions, made up."""

    def __init__(self) -> None:
        self.joined = True
        self.loops = {2: loop_of()}
        self.recovered: dict[tuple[str, int], Reach] | None = None

    def recovery(self) -> dict[tuple[str, int], Reach] | None:
        return self.recovered


def test_a_worker_is_ready_while_it_decides_all_that_is_its_own() -> None:
    assert why_not_ready(Owner(), kafka_answers=True) is None


def test_why_a_worker_is_not_ready() -> None:
    owner = Owner()
    assert "does not answer" in (why_not_ready(owner, kafka_answers=False) or "")
    owner.loops[2].parked = "gap"
    assert "Partition 2 stopped" in (why_not_ready(owner, kafka_answers=True) or "")
    owner.recovered = {("log", 2): Reach(5, 9), ("log", 3): Reach(1, 2)}
    assert "6 of 11 offsets" in (why_not_ready(owner, kafka_answers=True) or "")
    owner.joined = False
    assert "which partitions are ours" in (why_not_ready(owner, kafka_answers=True) or "")


def test_between_two_generations_a_worker_is_not_ready() -> None:
    ownership: Any = PartitionOwnership.__new__(PartitionOwnership)
    ownership.__dict__ |= {"_generation": 1, "loops": {}, "_tasks": {}, "joined": True}
    asyncio.run(ownership.end())
    assert "which partitions are ours" in (why_not_ready(ownership, kafka_answers=True) or "")


@pytest.mark.parametrize("why", ["budget", "gap"])
def test_stopped_partitions_are_counted(why: str) -> None:
    gauges, loop = Gauges(), loop_of()
    loop.parked = "budget" if why == "budget" else "gap"
    gauges.show([], [loop, loop_of()], 0.0)
    assert REGISTRY.get_sample_value("rollcall_partitions_parked", {"why": why}) == 1
    gauges.show([], [loop_of()], 0.0)
    assert REGISTRY.get_sample_value("rollcall_partitions_parked", {"why": why}) == 0
