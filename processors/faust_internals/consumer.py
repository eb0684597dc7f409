"""Faust's consumer, as our loops need it: where it begins to read, and what it must not drop."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

from aiokafka.errors import (
    CorruptRecordException,
    IllegalStateError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    UnsupportedCodecError,
)
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from typing_extensions import override

from processors.fatal import die
from schemas.positions import LogMismatchError
from schemas.topics import URGENT

FETCH_WAIT_MILLISECONDS = 50
"""Faust fixes 1500: an urgent message would wait behind a fetch of idle partitions."""


class Ownership(Protocol):
    """What Faust's rebalances mean to us."""

    async def take_over(self, actives: set[int], standbys: set[int]) -> None:
        """Before recovery reads a record: fence former owners of the active partitions.

        Of both, make sure that the local stores belong to the log.
        """

    async def begin(self) -> bool:
        """Recovery is done and nothing flows yet: start the loops.

        False if another rebalance came in between, which begins again.
        """

    def places(self) -> dict[tuple[str, int], int]:
        """Where reading goes on for the loops that there are."""

    async def end(self) -> None:
        """The generation is over: finish the steps in flight and drop the loops."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Reads committed messages only, soon, and nowhere but where it was told to."""

    _urgent_alone = False

    @override
    def _create_worker_consumer(self, transport: Any) -> Any:
        # Faust asks for read_committed only under its own exactly_once, which is not usable.
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._fetch_max_wait_ms = FETCH_WAIT_MILLISECONDS  # noqa: SLF001
        # Faust's "earliest" would begin a log again, in silence, that lost what we want to read.
        consumer._auto_offset_reset = "none"  # noqa: SLF001
        return consumer

    @override
    async def _fetch_records(
        self, consumer: Any, active_partitions: Any, timeout: Any = None, max_records: Any = None
    ) -> Any:
        # aiokafka empties one partition after the other, in the order in which it fetched them: an
        # urgent change, or another tenant's, would wait for seconds behind a first sync.  So urgent
        # ones come first every other time, and who was served goes to the end of the queue.
        fetched: OrderedDict[TP, Any] = consumer._fetcher._records  # noqa: SLF001
        # A copy: Faust changes its set of active partitions in another thread.
        wanted = tuple(active_partitions or fetched)
        urgent = {tp for tp in wanted if tp.topic.endswith(URGENT.name)}
        self._urgent_alone = not self._urgent_alone and not urgent.isdisjoint(fetched)
        if self._urgent_alone and (
            records := await super()._fetch_records(consumer, urgent, 0, max_records)
        ):
            return records
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        for tp in records:
            if tp in fetched:
                fetched.move_to_end(tp)
        return records


class Consumer(driver.Consumer):
    """Begins to read where the state says, not where Kafka's committed offsets are.

    Nothing of the lanes is fetched between a revocation and that seek, and what a fetch brings that
    began before the seek is fetched again: else the loops would see gaps.
    """

    _reading = False
    _resumed: asyncio.Event | None = None
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
        if self._resumed is not None:
            self._resumed.set()

    @override
    async def perform_seek(self) -> None:
        """Called when recovery is done, before anything flows (faust-facts 10)."""
        app: Any = self.app
        try:
            if not await app.ownership.begin():
                return
            await self._seek_to_places()
        except asyncio.CancelledError:
            raise  # another rebalance came first, and begins again
        except BaseException:  # noqa: BLE001 # whatever it is, this process may not go on
            die()
        self._reading = True
        self.resume_partitions({TP(*place) for place in app.ownership.places()})

    def position_of(self, tp: TP) -> int:
        """The offset that is fetched next; 0 before it is known."""
        thread: Any = self._thread
        assignment = thread._ensure_consumer()._subscription.subscription.assignment  # noqa: SLF001
        state = assignment.state_value(tp)
        return state.position if state is not None and state.has_valid_position else 0

    @override
    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        try:
            return await super()._getmany(active_partitions, timeout)
        except NoOffsetForPartitionError:
            return {}  # nobody has said yet where to begin: the seek that follows does
        except OffsetOutOfRangeError as error:
            ((place, offset),) = error.args[0].items()
            if TP(*place) not in self._get_active_partitions():
                return {}  # fetched ahead of the seek, from where Kafka's committed offset is
            die(LogMismatchError(_gone(place, offset)))
        except (CorruptRecordException, UnsupportedCodecError) as error:
            die(LogMismatchError(_foreign(*self._unreadable(), error)))

    def _unreadable(self) -> tuple[TP, int]:
        """Where aiokafka, which does not say so, gave up reading what it had fetched."""
        thread: Any = self._thread
        for place, fetched in thread._ensure_consumer()._fetcher._records.items():  # noqa: SLF001
            records = getattr(fetched, "_partition_records", None)
            if records is not None and records._records_iterator.gi_frame is None:  # noqa: SLF001
                return TP(*place), records.next_fetch_offset
        return TP("a topic", -1), -1

    @override
    async def _wait_next_records(self, timeout: float) -> Any:
        if self.flow_active and not self._get_active_partitions():
            # Faust would sleep a second here, as at each end of a recovery.
            self._resumed = asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._resumed.wait(), timeout)
            return None, None
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
        # Where all partitions are paused, aiokafka gives those too: a changelog whose recovery is
        # over would be written, record by older record, over what was decided since.
        active = self._get_active_partitions() | self._buffered_partitions
        records = {
            tp: some
            for tp, some in records.items()
            if tp in active or not self._is_changelog_tp(tp)
        }
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


def _gone(place: TP, offset: int) -> str:
    return (
        f"{place.topic}[{place.partition}] has no offset {offset}, which is due: its log was"
        " shortened or made anew while it was read."
    )


def _foreign(place: TP, offset: int, error: Exception) -> str:
    return (
        f"{place.topic}[{place.partition}] holds what cannot be read at {offset} ({error}):"
        " restore Kafka, or begin a new installation; nothing but Rollcall may write this topic."
    )
