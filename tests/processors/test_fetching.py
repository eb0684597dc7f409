"""Our consumer on Faust's and aiokafka's: where it begins to read, and what it may not be given."""

import asyncio
import os
from typing import Any

import pytest
import structlog
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition as WireTP
from faust.transport.consumer import ThreadDelegateConsumer
from faust.types import TP

LANE = WireTP("directory-changes", 0)
CHANGELOG = WireTP("rollcall-processors-state-changelog", 0)


class Broker:
    """What aiokafka gives, and which partitions it was asked for."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.gives: dict[WireTP, list[str]] | Exception = {}
        self.asked: list[set[WireTP]] = []

    async def getmany(self, active_partitions: set[WireTP]) -> Any:
        self.asked.append(set(active_partitions))
        if isinstance(self.gives, Exception):
            raise self.gives
        wanted = active_partitions or self.gives.keys()  # as aiokafka has it
        return {place: some for place, some in self.gives.items() if place in wanted}

    def fetched(self, *active: WireTP) -> Any:
        """What comes of a fetch while these partitions are active."""
        self._consumer._set_active_tps({TP(*place) for place in active})
        return run(self._consumer._wait_next_records(1.0))[0]


@pytest.fixture
def broker(app: Any, monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker(app.consumer)

    async def getmany(_: Any, active_partitions: set[WireTP], timeout: float) -> Any:  # noqa: ASYNC109, ARG001 - Faust's own
        return await made.getmany(active_partitions)

    monkeypatch.setattr(ThreadDelegateConsumer, "_getmany", getmany)
    return made


def run(coroutine: Any) -> Any:
    return asyncio.get_event_loop_policy().get_event_loop().run_until_complete(coroutine)


def test_a_log_that_lost_what_is_due_ends_the_process_and_is_not_begun_again(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    broker.gives = OffsetOutOfRangeError({LANE: 7})
    with structlog.testing.capture_logs() as said:
        broker.fetched(LANE)
    assert ended == [70]
    assert said[-1]["event"].startswith("directory-changes[0] has no offset 7, which is due")


def test_what_was_fetched_from_a_committed_offset_ahead_of_the_seek_ends_nothing(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    for nothing_of_ours in (OffsetOutOfRangeError({LANE: 7}), NoOffsetForPartitionError(LANE)):
        broker.gives = nothing_of_ours
        assert broker.fetched(CHANGELOG) == {}
    assert ended == []


def test_a_changelog_whose_recovery_is_over_is_not_taken_when_all_lanes_are_paused(
    app: Any, broker: Broker
) -> None:
    broker.gives = {LANE: ["change"], CHANGELOG: ["what the loop wrote itself"]}
    active = app.consumer._active_partitions

    async def paused_while_it_waits(_: set[WireTP]) -> Any:
        active.clear()
        return broker.gives

    broker.getmany = paused_while_it_waits  # type: ignore[assignment,method-assign]
    assert broker.fetched(LANE) == {LANE: ["change"]}


def test_a_standby_that_catches_up_takes_every_other_turn_at_most(broker: Broker) -> None:
    broker.gives = {LANE: ["change"], CHANGELOG: ["copy"]}
    assert [set(broker.fetched(LANE, CHANGELOG)) for _ in range(3)] == [
        {LANE},
        {LANE, CHANGELOG},
        {LANE},
    ]
    broker.gives = {CHANGELOG: ["copy"]}
    assert broker.fetched(LANE, CHANGELOG) == {CHANGELOG: ["copy"]}
    assert broker.fetched(LANE, CHANGELOG) == {CHANGELOG: ["copy"]}
    assert broker.asked[-2:] == [{LANE}, {LANE, CHANGELOG}]
