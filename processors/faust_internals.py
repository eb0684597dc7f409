"""Every private part of Faust 0.15.3 that we touch, and why.

`tests/processors/test_faust_assumptions.py` pins each; an upgrade that breaks one is seen there.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.queues import FlowControlEvent
from typing_extensions import override

from processors.fatal import die
from processors.state_view import StoredState
from schemas.envelope import Headers

FETCH_WAIT_MILLISECONDS = 50
"""Faust fixes 1500: an urgent message would wait behind a fetch of idle partitions."""


class Ownership(Protocol):
    """What Faust's rebalances mean to us."""

    async def take_over(self, partitions: set[int]) -> None:
        """Before recovery reads a record: fence former owners of the active partitions."""

    async def begin(self) -> None:
        """Recovery is done and nothing flows yet: start the loops."""

    def places(self) -> dict[tuple[str, int], int]:
        """Where reading goes on for the loops that there are."""

    async def end(self) -> None:
        """The generation is over: finish the steps in flight and drop the loops."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads committed messages only, and soon."""

    @override
    def _create_worker_consumer(self, transport: Any) -> Any:
        # Faust asks for read_committed only under its own exactly_once, which is not usable.
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._fetch_max_wait_ms = FETCH_WAIT_MILLISECONDS  # noqa: SLF001
        return consumer


class Consumer(driver.Consumer):
    """Begins to read where the state says, not where Kafka's committed offsets are.

    Nothing of the lanes is fetched between a revocation and that seek, and what a fetch brings that
    began before the seek is fetched again: else the loops would see gaps.
    """

    _reading = False
    _seeks = 0

    @override
    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def stop_reading(self) -> None:
        """The lanes rest until recovery has ended and the loops have begun."""
        self._reading = False

    @override
    def resume_partitions(self, tps: Iterable[TP]) -> None:
        # Recovery resumes the lanes before it calls perform_seek, and they would flow from there.
        super().resume_partitions({tp for tp in tps if self._reading or self._is_changelog_tp(tp)})

    @override
    async def perform_seek(self) -> None:
        """Called when recovery is done, before anything flows (faust-facts 10)."""
        app: Any = self.app
        try:
            await app.ownership.begin()
            await self._seek_to_places()
        except asyncio.CancelledError:
            raise  # another rebalance came first, and begins again
        except BaseException:  # noqa: BLE001 # whatever it is, this process may not go on
            die()
        self._reading = True
        self.resume_partitions({TP(*place) for place in app.ownership.places()})

    @override
    async def _wait_next_records(self, timeout: float) -> Any:
        seeks = self._seeks
        records, _ = await super()._wait_next_records(timeout)
        if records is None or not self.flow_active:
            # Faust would call perform_seek here, in the middle of a rebalance.
            if records:
                await self._seek_to_places()
            return None, None
        if seeks != self._seeks:
            records = {tp: some for tp, some in records.items() if self._is_changelog_tp(tp)}
            await self._seek_to_places()
        # Faust drops what it has already fetched of a partition that is paused before its turn
        # comes (its set of active partitions is a live one): a full lane would leave a gap.
        return records, set(records)

    async def _seek_to_places(self) -> None:
        app: Any = self.app
        places: dict[tuple[str, int], int] = app.ownership.places()
        self._seeks += 1
        with suppress(IllegalStateError):  # revoked meanwhile: its next owner seeks
            await self.seek_wait({TP(*place): offset for place, offset in places.items()})


class Transport(driver.Transport):
    """Brings our consumer in."""

    Consumer = Consumer


class FlowControl(FlowControlEvent):
    """Does not throw away what has been fetched since recovery."""

    @override
    def resume(self) -> None:
        # At the end of recovery Faust resumes, after the seek, a flow that is active already, and
        # its resume() also clears every stream's buffer: a start under load would leave a gap.
        if not self.is_active():
            super().resume()


class App(faust.App):
    """Faust's app, with its rebalances told to an Ownership."""

    ownership: Ownership

    @override
    @cached_property
    def flow_control(self) -> FlowControl:
        """Suspends and resumes the streams' buffers."""
        return FlowControl()

    @override
    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    @override
    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        # Before super(): recovery starts inside it.  Actives only: a standby's changelog is among
        # the assigned ones too, and fencing it would end its rightful owner (faust-facts 7, 8).
        try:
            await self.ownership.take_over({tp.partition for tp in self.active_changelogs()})
        except BaseException:  # noqa: BLE001 # a partition that was not fenced may not be read
            die()
        await super()._on_partitions_assigned(assigned, generation_id)

    @override
    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        consumer: Any = self.consumer
        consumer.stop_reading()
        # super() first: it waits until what was fetched is acknowledged (faust-facts 10).
        await super()._on_partitions_revoked(revoked)
        await self.ownership.end()

    def active_changelogs(self) -> set[TP]:
        """The changelog partitions that are ours, standbys excluded."""
        changelogs = self.tables.changelog_topics
        return {tp for tp in self.assignor.assigned_actives() if tp.topic in changelogs}


class _ChangelogMessage(NamedTuple):
    tp: TP
    partition: int
    offset: int
    key: bytes
    value: bytes | None


class _ChangelogEvent(NamedTuple):
    message: _ChangelogMessage

    @property
    def key(self) -> bytes:
        return self.message.key

    @property
    def value(self) -> bytes | None:
        return self.message.value


class PartitionStore:
    """One partition of the state table, read and written past Faust's event context."""

    def __init__(self, table: Any, partition: int) -> None:
        self._table = table
        self._partition = partition
        self.state = StoredState(self)

    def get(self, key: bytes) -> bytes | None:
        """The value at a key."""
        value: bytes | None = self._database.get(key)
        return value

    def items_from(self, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values from a key on, in order."""
        items: Iterator[tuple[bytes, bytes]] = self._database.items(from_key=start)
        return items

    def apply(self, writes: Sequence[tuple[bytes, bytes | None]], end: int) -> None:
        """Take over committed writes, by the very method that recovery uses."""
        tp = TP(self._table.changelog_topic_name, self._partition)
        events = [
            _ChangelogEvent(_ChangelogMessage(tp, self._partition, end, key, value))
            for key, value in writes
        ]
        self._table.data.apply_changelog_batch(events, lambda key: key, lambda value: value)

    @property
    def _database(self) -> Any:
        return self._table.data._db_for_partition(self._partition)  # noqa: SLF001


class ReceivedEvent:
    """A Faust event as the partition's loop takes it."""

    __slots__ = ("_app", "_event", "_place", "headers", "key", "offset", "value")

    def __init__(self, app: App, event: Any) -> None:
        message = event.message
        self._app = app
        self._event = event
        self.offset: int = message.offset
        self.key: bytes | None = message.key
        self.value: bytes | None = message.value
        # Faust's own type: with aiokafka's, which messages carry, resuming fails an assertion.
        self._place = TP(message.topic, message.partition)
        self.headers: Headers = list(message.headers or [])

    def acknowledge(self) -> None:
        """Let Faust know that the message is done."""
        self._event.ack()

    def pause(self) -> None:
        """Stop fetching this topic-partition."""
        self._app.consumer.pause_partitions({self._place})

    def resume(self) -> None:
        """Fetch this topic-partition again."""
        self._app.consumer.resume_partitions({self._place})
