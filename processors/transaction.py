"""All that one partition ever writes, in Kafka transactions driven by confluent-kafka.

Its transactional id is the partition's, so the newest owner ends the older one (DESIGN §5.2).  A
transaction holds outputs, state writes and the input's position: a crash leaves all of it or
nothing.
"""

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas import kafka, limits
from schemas.envelope import Headers
from schemas.settings import Settings

T = TypeVar("T")


class Record(msgspec.Struct, frozen=True):
    """One message of a transaction; `topic` is the name on the broker."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers | None = None


class TransactionAbortedError(RuntimeError):
    """The same step was aborted again and again; the text holds the broker's last reason."""


class Transaction:
    """The one writer of a partition.  Blocking calls run in a thread of its own."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self.partition = partition
        self._thread = concurrent.futures.ThreadPoolExecutor(1, f"transaction-{partition}")
        self._changelog = settings.topic("state-changelog")
        self._producer = Producer(kafka.transaction_producer(settings, partition))
        self._end = -1

    async def fence(self, seconds: float) -> None:
        """Bump the epoch: abort what a former owner left open, make each of its writes fail.

        Raises:
            KafkaException: the broker did not do it in time.
        """
        await self._in_thread(lambda: self._producer.init_transactions(seconds))

    async def commit(self, records: Sequence[Record]) -> int:
        """Write all records or none; return the changelog's offset of the last state write.

        An aborted transaction is tried again as it is (DESIGN §5.6).

        Raises:
            KafkaException: fatal, refused or unknown: this process must end.
            TransactionAbortedError: aborted more often than `limits.ABORTED_STEPS`.
        """
        return await self._in_thread(lambda: self._commit(records))

    def _commit(self, records: Sequence[Record]) -> int:
        reason: KafkaException | None = None
        for _ in range(limits.ABORTED_STEPS):
            try:
                return self._attempt(records)
            except KafkaException as error:
                if not _error_of(error).txn_requires_abort():
                    raise
                reason = error
                _until_done(lambda: self._producer.abort_transaction(limits.COMMIT_SECONDS))
        raise TransactionAbortedError(f"{limits.ABORTED_STEPS} times: {reason}") from reason

    def _attempt(self, records: Sequence[Record]) -> int:
        self._end = -1
        self._producer.begin_transaction()
        for record in records:
            self._produce(record)
        # First: commit_transaction alone waits for deliveries in coarser steps (faust-facts 17).
        with suppress(SystemError):  # a fatal error in the midst of the reports; it comes again now
            self._producer.flush(limits.COMMIT_SECONDS)
        _until_done(lambda: self._producer.commit_transaction(limits.COMMIT_SECONDS))
        assert self._end >= 0, "a transaction holds at least its position"
        return self._end

    def _produce(self, record: Record) -> None:
        """Hand over one record.

        A refused one leaves by exception, so nothing commits without it.
        """
        report = self._delivered if record.topic == self._changelog else None
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    self.partition,
                    headers=[*record.headers] if record.headers else None,
                    on_delivery=report,
                )
            except BufferError:
                self._producer.poll(0.01)
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._end = max(self._end, message.offset() or 0)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def close(self) -> None:
        """Let go of the thread; an open transaction is the next owner's to abort."""
        self._thread.shutdown(wait=False)


def _until_done(call: Callable[[], None]) -> None:
    """Repeat a call whose error is retriable, for as long as a transaction may last."""
    deadline = time.monotonic() + limits.TRANSACTION_SECONDS
    while True:
        try:
            return call()
        except KafkaException as error:
            if not _error_of(error).retriable() or time.monotonic() > deadline:
                raise


def _error_of(error: KafkaException) -> KafkaError:
    found = error.args[0]
    assert isinstance(found, KafkaError)
    return found
