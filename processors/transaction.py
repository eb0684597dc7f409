"""All that one partition ever writes, in Kafka transactions driven by confluent-kafka.

Its transactional id is the partition's, so the newest owner ends the older one (DESIGN §5.2).  A
transaction holds outputs, state writes and the input's position: a crash leaves all of it or
nothing.

What follows from an error, and where (DESIGN §5.6; `docs/decisions/0004`; each line has a test):

    fence     retriable: no answer in time        exit: a session does not wait longer
    produce   the client's queue is full          wait for reports, hand the record over again
              the client refuses the record       exit, and nothing of the step commits
              the transaction had failed before   as that error says
    commit    retriable: no answer in time        again, for 30 s from the step's begin, then exit
              abortable: a record was refused     abort and the same step again, three times,
              by the broker or not delivered      then exit
    abort     retriable                           again, as for commit
              abortable                           exit
    anywhere  fatal: a newer owner, or Kafka      exit
              ended what stood open too long
              unknown                             exit

To exit means that an exception leaves, the process ends, and the next owner's fencing aborts what
is open.  Only its reading of the log tells whether a step whose commit got no answer is there.
"""

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import msgspec
import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas import kafka, limits, metrics
from schemas.envelope import Headers
from schemas.settings import Settings

log = structlog.get_logger()
T = TypeVar("T")
Verdict = Literal["again", "abort", "exit"]

_REPORTS_SECONDS = 0.1
"""How long one poll waits for delivery reports; it must stay below 0.2 s (see `_serve_reports`)."""

_LOST_TOPIC = "A topic was deleted or lacks a partition: the next start says which."
_ADVICE = {
    "_FENCED": (
        "A newer owner writes it, or Kafka ended a transaction that stood open for"
        f" {limits.TRANSACTION_SECONDS} s. If it happens again and again, two installations share"
        " a name: see ROLLCALL_INSTALLATION."
    ),
    "_TIMED_OUT": (
        "Kafka did not answer in time, or too few copies are in sync: see to its brokers."
    ),
    "MSG_SIZE_TOO_LARGE": (
        "A record is larger than its topic takes: `rollcall topics create` says which topic takes"
        " less than it should."
    ),
    "UNKNOWN_TOPIC_OR_PART": _LOST_TOPIC,
    "_UNKNOWN_PARTITION": _LOST_TOPIC,
    "INVALID_TXN_STATE": _LOST_TOPIC,
    "_INCONSISTENT": _LOST_TOPIC,
}
"""What an operator can do, by the name of Kafka's error."""


class Record(msgspec.Struct, frozen=True):
    """One message of a transaction; `topic` is the name on the broker."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers | None = None


class TransactionError(RuntimeError):
    """After this error the process must end: the text says why, and what to do.

    Its cause is the client's own error.
    """


class TransactionAbortedError(TransactionError):
    """The same step was aborted again and again; the text holds the broker's first reason."""


def verdict(error: KafkaError) -> Verdict:
    """Say what follows from an error of poll, commit or abort; the client flags each one."""
    if error.fatal():
        return "exit"
    if error.txn_requires_abort():
        return "abort"
    if error.retriable():
        return "again"
    return "exit"


class Transaction:
    """The one writer of a partition.  Blocking calls run in a thread of its own."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self.partition = partition
        self._thread = concurrent.futures.ThreadPoolExecutor(1, f"transaction-{partition}")
        self._changelog = settings.topic("state-changelog")
        self._producer = Producer(kafka.transaction_producer(settings, partition))

    async def fence(self, seconds: float) -> None:
        """Bump the epoch: abort what a former owner left open, make each of its writes fail.

        Raises:
            TransactionError: the broker did not do it in time, or refuses it.
        """
        await self._in_thread("be taken over", lambda: self._fence(seconds))

    def _fence(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        # A producer without a connection asks for its epoch again after half a second or a whole
        # one; any question makes it connect.
        self._producer.list_topics(self._changelog, seconds)
        self._producer.init_transactions(max(0.0, deadline - time.monotonic()))

    async def commit(self, records: Sequence[Record]) -> int:
        """Write all records or none; return the changelog's offset of the last state write.

        Raises:
            TransactionError: this process must end (see the table above).
            TransactionAbortedError: the step was aborted, and `limits.ABORTED_STEPS` times more.
        """
        return await self._in_thread("write a step", lambda: self._commit(records))

    def _commit(self, records: Sequence[Record]) -> int:
        with metrics.TRANSACTION_SECONDS.time():
            return self._until_committed(records)

    def _until_committed(self, records: Sequence[Record]) -> int:
        reasons: list[KafkaException] = []
        while len(reasons) <= limits.ABORTED_STEPS:
            deadline = time.monotonic() + limits.TRANSACTION_SECONDS
            try:
                return self._attempt(records, deadline)
            except KafkaException as error:
                if verdict(_error_of(error)) != "abort":
                    raise
                reasons.append(error)
                metrics.TRANSACTIONS_ABORTED.inc()
            log.warning("aborting a step", partition=self.partition, reason=str(reasons[-1]))
            self._finish(self._producer.abort_transaction, deadline)
        # The last reason may be a consequence: the client does not take back the sequence number
        # of a record that was refused, and the next attempt fails over the gap.
        what = f"write a step, which was aborted {len(reasons)} times"
        raise TransactionAbortedError(self._sentence(what, reasons[0])) from reasons[0]

    def _attempt(self, records: Sequence[Record], deadline: float) -> int:
        ends: list[int] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                ends.append(message.offset() or 0)

        self._producer.begin_transaction()
        for record in records:
            self._produce(record, delivered if record.topic == self._changelog else None)
        self._finish(self._producer.commit_transaction, deadline)
        assert ends, "a transaction holds at least its position"
        return max(ends)

    def _produce(
        self, record: Record, report: Callable[[KafkaError | None, Message], None] | None
    ) -> None:
        """Hand over one record.

        A refused one leaves by exception, so nothing commits without it (faust-facts 18).
        """
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
                self._producer.poll(_REPORTS_SECONDS)
            except KafkaException as refused:
                if _error_of(refused).name() in {"_STATE", "_FATAL"}:
                    # The transaction had failed before.  Beginning one is refused, with the reason.
                    self._producer.begin_transaction()
                raise
            else:
                return

    def _finish(self, end: Callable[[float], None], deadline: float) -> None:
        """Commit or abort; again while the error is retriable, until the deadline."""
        while True:
            try:
                self._serve_reports()
                return end(limits.COMMIT_SECONDS)
            except KafkaException as error:
                if verdict(_error_of(error)) != "again" or time.monotonic() > deadline:
                    raise
                log.warning("trying again", partition=self.partition, reason=str(error))

    def _serve_reports(self) -> None:
        """Wait until each record has its report; not for ever, since the caller waits on."""
        # Ending a transaction alone waits for deliveries in coarser steps (faust-facts 17).  Not
        # flush(), nor a long poll(): after a fatal error they go on to hand out reports while it
        # is raised.  That ends in a SystemError, or before Python 3.12 in a KafkaError, which is
        # no exception: nothing can catch it, and this thread would die and its caller wait for
        # ever (seen with confluent-kafka 2.16).  A short poll() raises at once.
        deadline = time.monotonic() + limits.COMMIT_SECONDS
        while len(self._producer) and time.monotonic() < deadline:
            self._producer.poll(_REPORTS_SECONDS)

    async def _in_thread(self, what: str, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except KafkaException as error:
            raise TransactionError(self._sentence(what, error)) from error

    def _sentence(self, what: str, cause: KafkaException) -> str:
        error = _error_of(cause)
        advice = _ADVICE.get(error.name(), "A restart reads the log and goes on from there.")
        return (
            f"Partition {self.partition} could not {what}: {error.str()} ({error.name()}). {advice}"
        )

    def close(self) -> None:
        """Let go of the thread; an open transaction is the next owner's to abort."""
        self._thread.shutdown(wait=False)


def _error_of(error: KafkaException) -> KafkaError:
    found = error.args[0]
    assert isinstance(found, KafkaError)
    return found
