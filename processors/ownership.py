"""Which partitions this process owns, and their loops: one owner a partition (DESIGN §5.2)."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol, TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from processors.broker import Broker, Place
from processors.fatal import StuckError, die, in_background
from processors.gauges import Behind, Gauges
from processors.lane import Lane
from processors.partition_loop import PartitionLoop, PartitionStore
from processors.stamps import Log, Stamps, Stores
from processors.transaction import Transaction
from processors.watchdog import Reach
from schemas import kafka, limits, metrics, state
from schemas.positions import Installation, LogMismatchError, LogReader
from schemas.settings import Settings
from schemas.state import Position
from schemas.topics import LANES, STATE_CHANGELOG

log = structlog.get_logger()
T = TypeVar("T")
END_RECORD = b"\0end"
"""Key of the tombstone that ends each changelog in data; no state key begins like it."""
QUARTER_OF_A_SESSION = limits.SESSION_SECONDS / 4
"""Heartbeats stop while we take over: fencing and the end record get a quarter each."""


class OpenStores(Stores, Protocol):
    """The local stores, and what recovery does to them."""

    def of(self, partition: int) -> PartitionStore:
        """What a partition's loop reads and writes."""

    def recovery(self) -> Mapping[Place, tuple[int, int]]:
        """The offset that recovery has read, and the one that it must read, by place."""

    def read_up_to(self, partition: int) -> int:
        """The changelog's offset that a standby reads next."""

    def flush(self) -> None:
        """Put on disk what was read of standbys."""


class PartitionOwnership:
    """Fences, starts and ends the loops of the partitions that Faust gives us."""

    def __init__(
        self,
        settings: Settings,
        installation: Installation,
        broker: Broker,
        stores: OpenStores,
        ready: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._installation = installation
        self._broker = broker
        self._stores = stores
        self._ready = ready
        self._changelog = settings.topic(STATE_CHANGELOG.name)
        made_from = Log(installation.cluster_id, installation.topic_ids[self._changelog])
        self._stamps = Stamps(made_from, stores, _now)
        self._generation = 0
        self._recovering = False
        self._taken_at = 0.0
        self._gauges = Gauges()
        self.joined = False
        """Whether the group has said which partitions are ours, be they none."""
        self._transactions: dict[int, Transaction] = {}
        self._standbys: set[int] = set()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.loops: dict[int, PartitionLoop] = {}
        # One thread: a question of a generation that is over must not mix with the next one's.
        self._thread = ThreadPoolExecutor(1, "ownership")

    @cached_property
    def _plain(self) -> Producer:
        producer = Producer(kafka.end_record_producer(self._settings))
        producer.list_topics(self._changelog, QUARTER_OF_A_SESSION)  # as in Transaction.fence
        return producer

    @cached_property
    def _log_reader(self) -> LogReader:
        return LogReader(self._settings)

    async def take_over(self, actives: set[int], standbys: set[int]) -> None:
        """Make every former owner's writes fail, then let recovery read to the end.

        Of both, no local store is left that does not belong to the log.

        Raises:
            LogMismatchError: a topic is not the installation's, or a changelog lacks its beginning.
            StoreError: the local disk does not work.
            StuckError: the broker did not do it in time.
        """
        self._recovering = bool(actives | standbys)
        self._taken_at = time.monotonic()
        self._standbys = standbys
        for gone in self._transactions.keys() - actives:
            self._transactions.pop(gone).close()
        fresh = {
            partition: Transaction(self._settings, partition)
            for partition in actives - self._transactions.keys()
        }
        try:
            await asyncio.gather(*(each.fence(QUARTER_OF_A_SESSION) for each in fresh.values()))
            self._transactions |= fresh
            metrics.FENCES.inc(len(fresh))
            await self._in_thread(lambda: self._end_changelogs(actives))
            begins = await self._in_thread(lambda: self._examine_stores(actives | standbys))
        except (KafkaException, TimeoutError) as error:
            raise StuckError(
                f"Kafka did not let this worker take over {sorted(actives)} in time: {error}"
            ) from error
        log.info("took over", partitions=sorted(actives), fenced=sorted(fresh), stores=begins)

    def _end_changelogs(self, partitions: set[int]) -> None:
        # Recovery ends when it has READ the record before the high watermark, and a transaction
        # ends in a control marker that nobody can read.  One plain record makes the log end in
        # data; being a tombstone, it leaves none (faust-facts 9).
        # Connecting counts: fencing and this take half a session together (DESIGN §5.2).
        deadline = time.monotonic() + QUARTER_OF_A_SESSION
        for partition in partitions:
            self._plain.produce(
                self._changelog, None, END_RECORD, partition, on_delivery=_must_arrive
            )
        if self._plain.flush(max(0.0, deadline - time.monotonic())):
            raise TimeoutError("the end records took longer than a quarter of a session")

    def _examine_stores(self, partitions: set[int]) -> dict[int, int | None]:
        """Up to which offset each store holds its log; None where it is recovered whole."""
        if (foreign := self._broker.foreign()) is not None:
            raise LogMismatchError(foreign)
        places = {each: TopicPartition(self._changelog, each) for each in sorted(partitions)}
        return self._stamps.follow(
            {partition: self._log_reader.bounds(place) for partition, place in places.items()}
        )

    async def begin(self) -> bool:
        """Start a loop for each partition that is ours, at the state's positions.

        Raises:
            LogMismatchError: an input log is not the one that was read before.
            StuckError: the broker did not answer in time.
        """
        assert not self.loops, "the loops of the last generation were not ended"
        generation = self._generation
        stores = {partition: self._stores.of(partition) for partition in self._transactions}
        lanes = {
            partition: [await self._lane(store, topic.name, partition) for topic in LANES]
            for partition, store in stores.items()
        }
        if generation != self._generation:
            return False
        for partition, store in stores.items():
            self._start(partition, lanes[partition], store)
        if self._recovering:
            metrics.RECOVERY_SECONDS.observe(time.monotonic() - self._taken_at)
        self._recovering = False
        self.joined = True
        log.info("deciding", partitions=sorted(self.loops), standbys=sorted(self._standbys))
        self._ready()
        return True

    def places(self) -> dict[Place, int]:
        """Where reading goes on for the loops that there are."""
        return {place: lane.next_to_fetch for place, _, lane in self._lanes()}

    def dues(self) -> dict[Place, int]:
        """The offset that is due on each lane of the loops that decide."""
        return {place: lane.due for place, loop, lane in self._lanes() if loop.parked is None}

    def _lanes(self) -> Iterator[tuple[Place, PartitionLoop, Lane]]:
        for partition, loop in self.loops.items():
            for lane in loop.lanes:
                yield (self._settings.topic(lane.topic), partition), loop, lane

    def recovery(self) -> Mapping[Place, Reach] | None:
        """What recovery has read since we took over; None once the loops have begun."""
        if not self._recovering:
            return None
        return {place: Reach(*reach) for place, reach in self._stores.recovery().items()}

    def measure(self, ends: Mapping[Place, int]) -> None:
        """Show how far each lane is behind; of those whose end is not known just now, nothing."""
        behind = [Behind(lane, at[1], ends[at]) for at, _, lane in self._lanes() if at in ends]
        self._gauges.show(behind, self.loops.values(), time.time())

    def standbys(self) -> list[Place]:
        """The changelogs that are only copied."""
        return [(self._changelog, partition) for partition in sorted(self._standbys)]

    def touch(self, ends: Mapping[Place, int]) -> None:
        """Stamp the stores that hold all of their log, which ended there a while ago.

        Raises:
            StoreError: the disk refuses it.
        """
        if self._recovering:
            return
        copied = [
            partition
            for partition in self._standbys
            if self._stores.read_up_to(partition) >= ends.get((self._changelog, partition), 1 << 63)
        ]
        self._stamps.touch([*self.loops, *copied], self._stores.flush)

    def _start(self, partition: int, lanes: list[Lane], store: PartitionStore) -> None:
        transaction = self._transactions[partition]
        loop = PartitionLoop(self._settings, lanes, store, transaction, _now)
        self.loops[partition] = loop
        self._tasks[partition] = in_background(f"partition-{partition}", loop.run())

    async def _lane(self, store: PartitionStore, topic: str, partition: int) -> Lane:
        place = TopicPartition(self._settings.topic(topic), partition)
        topic_id = self._installation.topic_ids[place.topic]
        position = store.state.get(state.position_key(topic), Position)
        due = await self._in_thread(lambda: self._log_reader.next_offset(place, topic_id, position))
        return Lane(topic, topic_id, due, time.time())

    async def end(self) -> None:
        """Finish the steps in flight: what is committed must also reach the store."""
        self._generation += 1
        self._recovering = self.joined = False
        for loop in self.loops.values():
            loop.stop()
        self.loops.clear()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        self._tasks.clear()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _must_arrive(error: KafkaError | None, _message: Message) -> None:
    if error is not None:
        die(StuckError(f"Kafka refused the record that ends a changelog: {error}"))


def _now() -> datetime:
    return datetime.now(UTC)
