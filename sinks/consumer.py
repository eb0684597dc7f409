"""The one loop of all sinks: poll, decode, rows and positions in one transaction (DESIGN §5.7).

One thread a sink.  Whatever goes wrong in one ends the process at once, and the transaction in
flight with it: the supervisor starts it again, and it goes on from its positions.  Waiting for a
broker happens inside the client.
"""

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas import kafka, limits, metrics
from schemas.envelope import header
from schemas.health import Health
from schemas.positions import Installation, LogMismatchError, LogReader
from schemas.settings import Settings
from sinks import audit_log, dead_letters, letters
from sinks.arrival import Arrival
from sinks.bisecting import Bisecting, BudgetSpentError
from sinks.connection import connect
from sinks.directory_view import DirectoryView
from sinks.ending import end_process
from sinks.lag import Lag
from sinks.positions import Place, Positions
from sinks.readiness import Readiness
from sinks.session_revoker import SessionRevoker
from sinks.sink import Sink

POLL_SECONDS: Final = 0.5
"""How long one poll waits for a first message, and so how soon a sink notices that it shall end."""

TIDY_SECONDS: Final = 1.0
"""How often a sink does what can wait."""

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class SinkLoop:
    """Feeds one sink, until it shall stop or something goes wrong."""

    def __init__(
        self,
        settings: Settings,
        installation: Installation,
        name: str,
        sink: Sink,
        readiness: Readiness,
    ) -> None:
        self._settings = settings
        self._name = name
        self._sink = sink
        self._readiness = readiness
        self._names = {settings.topic(topic.name): topic.name for topic in sink.topics}
        self._positions = Positions(name, installation)
        self._lag = Lag(name, self._names)
        self._connection = connect(settings)
        self._batches = Bisecting(name, sink, self._connection)
        self._tidied_at = -math.inf
        logger = logging.getLogger("rollcall.kafka")  # what it says is said through `poll`
        self._consumer = Consumer(kafka.sink_consumer(settings, name), logger=logger)

    def run(self, stopping: Callable[[], bool]) -> None:
        """Apply messages until `stopping` says so.

        Raises:
            MovedOnError: another process owns what this one believed to own.
            LogMismatchError: the log is not the one that was applied so far.
            BudgetSpentError: too many messages of late could not be applied.
            KafkaException, psycopg.Error: a broker or Postgres refuses what only a new start mends.
        """
        self._consumer.subscribe(
            list(self._names), on_assign=self._assigned, on_revoke=self._revoked
        )
        while not stopping():
            self._step()
            self._tidy()

    def close(self) -> None:
        """Leave the broker and Postgres; after a failure the process ends without it."""
        self._consumer.close()
        self._connection.close()

    def _step(self) -> None:
        arrivals = [
            self._arrival(message)
            for message in self._poll()
            if self._positions.is_due(*_where(message))
        ]
        if not arrivals:
            return
        try:
            self._write(arrivals)
        except BudgetSpentError:
            # What fits into the budget is kept, so that an operator sees what is wrong.
            while len(arrivals) > 1:
                arrivals = arrivals[: len(arrivals) // 2]
                with suppress(BudgetSpentError):
                    self._write(arrivals)
                    break
            raise

    def _write(self, arrivals: Sequence[Arrival]) -> None:
        ends = {
            (self._settings.topic(arrival.topic), arrival.partition): arrival.position
            for arrival in arrivals
        }
        begun = time.perf_counter()
        with self._connection.transaction():
            # First the positions: who owns the partition is settled before any row is touched.
            self._positions.move(self._connection, ends)
            self._batches.apply(arrivals)
        metrics.SINK_BATCH_SECONDS.labels(sink=self._name).observe(time.perf_counter() - begun)
        metrics.SINK_BATCH_MESSAGES.labels(sink=self._name).observe(len(arrivals))
        self._positions.moved(ends)
        self._batches.applied()
        for arrival in arrivals:
            place = (self._settings.topic(arrival.topic), arrival.partition)
            self._lag.applied(place, arrival.position.offset, arrival.came_at)

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied_at < TIDY_SECONDS:
            return
        with self._connection.transaction():
            self._sink.tidy(self._connection)
        self._readiness.hears(self._name, kafka_answers=self._lag.show(self._consumer))
        self._tidied_at = time.monotonic()

    def _poll(self) -> list[Message]:
        """What is there, at once; else the first that comes."""
        batch = self._consumer.consume(1, POLL_SECONDS)
        if not batch:
            self._positions.save_ends(self._connection)
            return []
        batch += self._consumer.consume(limits.SINK_BATCH - 1, 0)
        return [message for message in batch if not self._is_end(message)]

    def _is_end(self, message: Message) -> bool:
        """Whether it only says that a log ends there for now."""
        error = message.error()
        if error is None:
            return False
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 # librdkafka's own names
            raise LogMismatchError(
                f"{message.topic()}[{message.partition()}] no longer holds what is due:"
                " its log was shortened or made anew while it was read. The next start says what"
                " to do."
            )
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
            raise KafkaException(error)
        self._positions.saw_end(*_where(message))
        self._lag.read_to(*_where(message))
        return True

    def _arrival(self, message: Message) -> Arrival:
        place, offset = _where(message)
        headers: Sequence[tuple[str, bytes | None]]
        headers = message.headers() or ()  # type: ignore[assignment] # its own type is too wide
        return Arrival(
            topic=self._names[place[0]],
            partition=place[1],
            position=self._positions.at(place, offset, header(headers, "ce_id") or ""),
            headers=headers,
            came_at=message.timestamp()[1] / 1000,
            key=message.key(),
            value=message.value(),
        )

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with closing(LogReader(self._settings)) as reader:
            self._positions.take(self._connection, reader, partitions)
        self._retry({(self._names[each.topic], each.partition) for each in partitions})
        consumer.assign(partitions)
        self._lag.take(partitions)
        self._readiness.has(self._name)

    def _retry(self, assigned: set[tuple[str, int]]) -> None:
        """Try dead letters again before anything new: this version may apply them."""
        for topic, partition in sorted(assigned & letters.places(self._connection, self._name)):
            with self._connection.transaction():
                self._positions.hold(self._connection, (self._settings.topic(topic), partition))
                self._batches.retry(topic, partition)

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._positions.drop(partitions)
        self._lag.drop(partitions)


def all_sinks() -> dict[str, Sink]:
    """Every sink by its name, which its group and its positions bear."""
    return {
        "directory_view": DirectoryView(),
        "session_revoker": SessionRevoker(),
        "audit_log": audit_log,
        "dead_letters": dead_letters,
    }


def run(
    settings: Settings, installation: Installation, ready: Callable[[], None], health: Health
) -> None:
    """Run all sinks until SIGTERM or SIGINT; call it in the main thread.

    `ready` is called once, when each sink knows its partitions, be they none.  Any failure ends the
    process with status 1 and is logged.
    """
    # Blocked, so that no thread is interrupted in the middle of anything: sigwait takes them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    sinks = all_sinks()
    readiness = Readiness(sinks, ready)
    health.why_not_ready = readiness.why_not_ready
    stopping = threading.Event()

    def feed(name: str, sink: Sink) -> None:
        loop = SinkLoop(settings, installation, name, sink, readiness)
        loop.run(stopping.is_set)
        loop.close()

    threading.excepthook = end_process
    threads = [
        threading.Thread(target=feed, args=[name, sink], name=name) for name, sink in sinks.items()
    ]
    for thread in threads:
        thread.start()
    signal.sigwait(_ENDING)
    stopping.set()
    for thread in threads:
        thread.join()


def _where(message: Message) -> tuple[Place, int]:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return (topic, partition), offset
