"""Which partitions this process owns, and their loops: one owner a partition (DESIGN §5.2)."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

import structlog
from confluent_kafka import KafkaError, Message, Producer, TopicPartition

from processors.fatal import in_background
from processors.lane import Lane
from processors.partition_loop import PartitionLoop, PartitionStore
from processors.transaction import Transaction
from schemas import kafka, limits, state
from schemas.positions import Installation, LogReader
from schemas.settings import Settings
from schemas.state import Position
from schemas.topics import LANES

log = structlog.get_logger()
END_RECORD = b"\0end"
"""Key of the tombstone that ends each changelog in data; no state key begins like it."""
QUARTER_OF_A_SESSION = limits.SESSION_SECONDS / 4
"""Heartbeats stop while we take over: fencing and the end record get a quarter each."""


class PartitionOwnership:
    """Fences, starts and ends the loops of the partitions that Faust gives us."""

    def __init__(
        self,
        settings: Settings,
        installation: Installation,
        store_of: Callable[[int], PartitionStore],
        ready: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._installation = installation
        self._store_of = store_of
        self._ready = ready
        self._generation = 0
        self._transactions: dict[int, Transaction] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.loops: dict[int, PartitionLoop] = {}

    @cached_property
    def _plain(self) -> Producer:
        return Producer(kafka.end_record_producer(self._settings))

    @cached_property
    def _log_reader(self) -> LogReader:
        return LogReader(self._settings)

    async def take_over(self, partitions: set[int]) -> None:
        """Make every former owner's writes fail, then let recovery read to the end.

        Raises:
            KafkaException: the broker did not fence in time.
            TimeoutError: the end records were not acknowledged in time.
        """
        for gone in self._transactions.keys() - partitions:
            self._transactions.pop(gone).close()
        fresh = {
            partition: Transaction(self._settings, partition)
            for partition in partitions - self._transactions.keys()
        }
        await asyncio.gather(*(each.fence(QUARTER_OF_A_SESSION) for each in fresh.values()))
        self._transactions |= fresh
        await asyncio.get_running_loop().run_in_executor(None, self._end_changelogs, partitions)
        log.info("took over", partitions=sorted(partitions), fenced=sorted(fresh))

    def _end_changelogs(self, partitions: set[int]) -> None:
        # Recovery ends when it has READ the record before the high watermark, and a transaction
        # ends in a control marker that nobody can read.  One plain record makes the log end in
        # data; being a tombstone, it leaves none (faust-facts 9).
        changelog = self._settings.topic("state-changelog")
        for partition in partitions:
            self._plain.produce(changelog, None, END_RECORD, partition, on_delivery=_must_arrive)
        if self._plain.flush(QUARTER_OF_A_SESSION):
            raise TimeoutError(
                "the end records were not acknowledged within a quarter of a session"
            )

    async def begin(self) -> bool:
        """Start a loop for each partition that is ours, at the state's positions.

        Raises:
            LogMismatchError: an input log is not the one that was read before.
        """
        assert not self.loops, "the loops of the last generation were not ended"
        generation = self._generation
        stores = {partition: self._store_of(partition) for partition in self._transactions}
        lanes = {
            partition: [await self._lane(store, topic.name, partition) for topic in LANES]
            for partition, store in stores.items()
        }
        if generation != self._generation:
            return False
        for partition, store in stores.items():
            self._start(partition, lanes[partition], store)
        log.info("deciding", partitions=sorted(self.loops))
        self._ready()
        return True

    def places(self) -> dict[tuple[str, int], int]:
        """Where reading goes on for the loops that there are, by topic and partition."""
        return {
            (self._settings.topic(lane.topic), partition): lane.next_to_fetch
            for partition, loop in self.loops.items()
            for lane in loop.lanes
        }

    def _start(self, partition: int, lanes: list[Lane], store: PartitionStore) -> None:
        transaction = self._transactions[partition]
        loop = PartitionLoop(self._settings, lanes, store, transaction, _now)
        self.loops[partition] = loop
        self._tasks[partition] = in_background(f"partition-{partition}", loop.run())

    async def _lane(self, store: PartitionStore, topic: str, partition: int) -> Lane:
        place = TopicPartition(self._settings.topic(topic), partition)
        topic_id = self._installation.topic_ids[place.topic]
        position = store.state.get(state.position_key(topic), Position)
        due = await asyncio.get_running_loop().run_in_executor(
            None, self._log_reader.next_offset, place, topic_id, position
        )
        return Lane(topic, topic_id, due)

    async def end(self) -> None:
        """Finish the steps in flight: what is committed must also reach the store."""
        self._generation += 1
        for loop in self.loops.values():
            loop.stop()
        self.loops.clear()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        self._tasks.clear()


def _must_arrive(error: KafkaError | None, _message: Message) -> None:
    if error is not None:
        log.critical("an end record was refused", error=str(error))
        os._exit(70)


def _now() -> datetime:
    return datetime.now(UTC)
