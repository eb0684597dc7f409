"""Our consumer on Faust's and aiokafka's: where it begins to read, and what it may not be given."""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition as WireTP
from faust.transport.consumer import ThreadDelegateConsumer
from faust.types import TP

LANE = WireTP("directory-changes", 0)
URGENT = WireTP("directory-changes-urgent", 0)
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


def test_what_is_resumed_is_read_at_once(app: Any, broker: Broker) -> None:
    app.consumer._set_active_tps(set())
    app.consumer._reading = True

    async def course() -> None:
        waiting = asyncio.ensure_future(app.consumer._wait_next_records(60.0))
        await asyncio.sleep(0)
        app.consumer.resume_partitions({TP(*LANE)})
        assert await asyncio.wait_for(waiting, 30) == (None, None)

    run(course())
    assert broker.asked == []


class Fetched:
    """What was fetched of one partition and waits to be handed out, as aiokafka keeps it."""

    def __init__(self, count: int) -> None:
        self._left = iter(range(count))
        self.next_fetch_offset = self.position = 0
        self.active, self.paused = True, False

    def __iter__(self) -> Iterator[int]:
        return self._left

    def state_value(self, _: WireTP) -> "Fetched":
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


@pytest.fixture
def turns(app: Any) -> Callable[..., list[str]]:
    """Has aiokafka's own fetcher hand out what waits, two messages at a time."""

    def take(waiting: dict[WireTP, int], count: int) -> list[str]:
        fetcher: Any = object.__new__(Fetcher)
        fetcher._closed, fetcher._wait_consume_future = False, None
        fetcher._subscriptions = SimpleNamespace(
            reassignment_in_progress=False, is_assigned=lambda _: True, fetch_context=nullcontext
        )
        fetcher._records = OrderedDict()
        for place, messages in waiting.items():
            records: Any = Fetched(messages)
            fetcher._records[place] = FetchResult(
                place, assignment=records, partition_records=records, backoff=0
            )
        client = SimpleNamespace(_closed=False, _fetcher=fetcher)
        active = {TP(*place) for place in waiting}
        found = (
            run(app.consumer._thread._fetch_records(client, active, 0, 2)) for _ in range(count)
        )
        return ["+".join(sorted(place.topic[-6:] for place in each)) for each in found]

    return take


def test_urgent_changes_overtake_what_was_fetched_before_them(turns: Callable[..., Any]) -> None:
    order = turns({LANE: 4, URGENT: 3}, 4)
    assert order == ["urgent", "hanges", "urgent", "hanges"]


def test_no_partition_is_emptied_before_another_has_its_turn(turns: Callable[..., Any]) -> None:
    other = WireTP("tenants", 1)
    assert turns({LANE: 6, other: 4}, 4) == ["hanges", "enants", "hanges", "enants"]


def test_a_standby_that_catches_up_takes_every_other_turn(turns: Callable[..., Any]) -> None:
    assert turns({CHANGELOG: 8, LANE: 4}, 4) == ["ngelog", "hanges", "ngelog", "hanges"]
