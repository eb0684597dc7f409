"""What a loop does with messages that it will never decide: nothing may wait for them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from processors import agents
from processors.lane import Lane
from processors.partition_loop import PartitionLoop
from processors.transaction import Transaction
from schemas.settings import Settings
from schemas.topics import LANES
from tests.core import scenario
from tests.processors.test_lane import Sent


class Store:
    """A partition's store that nobody writes."""

    def __init__(self) -> None:
        self.state = scenario.World().state

    def apply(self, *_: Any) -> None:
        raise AssertionError("nothing is decided here")


def loop_of() -> PartitionLoop:
    settings = Settings(kafka="127.0.0.1:1")
    lanes = [Lane(topic.name, "id", 0) for topic in LANES]
    transaction = Transaction(settings, 0)
    return PartitionLoop(settings, lanes, Store(), transaction, lambda: datetime.now(UTC))


def test_what_a_loop_leaves_when_it_stops_is_acknowledged() -> None:
    asked: list[str] = []

    async def course() -> None:
        loop = loop_of()
        loop.put(1, Sent(0, asked))
        loop.stop()
        loop.put(1, Sent(1, asked))
        await loop.run()

    asyncio.run(course())
    assert sorted(asked) == ["acknowledge 0", "acknowledge 1"]


def test_what_comes_between_two_generations_is_acknowledged() -> None:
    done: list[int] = []

    async def events() -> AsyncIterator[Any]:
        place = {"topic": "directory-changes", "partition": 3, "key": b"k", "value": b"v"}
        message = SimpleNamespace(**place, offset=7, timestamp=0.0, headers=[])
        yield SimpleNamespace(message=message, ack=lambda: done.append(message.offset))

    stream = SimpleNamespace(noack=lambda: SimpleNamespace(events=events))
    ownership: Any = SimpleNamespace(loops={})
    asyncio.run(agents.feed(SimpleNamespace(), ownership, stream, 0))  # type: ignore[arg-type] # it is not asked
    assert done == [7]
