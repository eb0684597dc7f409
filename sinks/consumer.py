"""The one loop of all sinks: poll, decode, rows and positions in one transaction (DESIGN §5.7).

One thread a sink.  Whatever goes wrong in one ends the process at once, and the transaction in
flight with it: the supervisor starts it again, and it goes on from its positions.  Waiting for a
broker happens inside the client.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final, Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from psycopg import Connection

from schemas import codec, kafka, limits
from schemas.codec import InvalidMessageError, Output
from schemas.envelope import header
from schemas.positions import Installation, LogReader
from schemas.settings import Settings
from schemas.state import Position
from schemas.topics import Topic
from sinks import audit_log, session_revoker
from sinks.connection import connect
from sinks.directory_view import DirectoryView
from sinks.positions import Place, Positions

POLL_SECONDS: Final = 0.5
"""How long one poll waits for a first message, and so how soon a sink notices that it shall end."""

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class Sink(Protocol):
    """What makes messages of some topics true in Postgres."""

    @property
    def topics(self) -> Sequence[Topic]:
        """What it reads."""

    def apply(self, connection: Connection, outputs: Sequence[Output]) -> None:
        """Write rows within the caller's transaction; the outputs are in the log's order.

        Messages of one partition come in order and once; a tenant's all come from one partition.
        """


class SinkLoop:
    """Feeds one sink, until it shall stop or something goes wrong."""

    def __init__(
        self,
        settings: Settings,
        installation: Installation,
        name: str,
        sink: Sink,
        on_assigned: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._on_assigned = on_assigned
        self._names = {settings.topic(topic.name): topic.name for topic in sink.topics}
        self._positions = Positions(name, installation)
        self._connection = connect(settings)
        self._consumer = Consumer(kafka.sink_consumer(settings, name))

    def run(self, stopping: Callable[[], bool]) -> None:
        """Apply messages until `stopping` says so.

        Raises:
            MovedOnError: another process owns what this one believed to own.
            LogMismatchError: the log is not the one that was applied so far.
            InvalidMessageError: a message does not decode.
            KafkaException, psycopg.Error: a broker or Postgres refuses what only a new start mends.
        """
        self._consumer.subscribe(
            list(self._names), on_assign=self._assigned, on_revoke=self._revoked
        )
        while not stopping():
            self._step()

    def close(self) -> None:
        """Leave the broker and Postgres; after a failure the process ends without it."""
        self._consumer.close()
        self._connection.close()

    def _step(self) -> None:
        outputs: list[Output] = []
        ends: dict[Place, Position] = {}
        for message in self._poll():
            place, offset = _where(message)
            if self._positions.is_due(place, offset):
                outputs.append(self._decoded(message))
                ce_id = header(message.headers(), "ce_id") or ""
                ends[place] = self._positions.at(place, offset, ce_id)
        if not outputs:
            return
        with self._connection.transaction():
            # First the positions: who owns the partition is settled before any row is touched.
            self._positions.move(self._connection, ends)
            self._sink.apply(self._connection, outputs)
        self._positions.moved(ends)

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
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 # librdkafka's own name
            raise KafkaException(error)
        self._positions.saw_end(*_where(message))
        return True

    def _decoded(self, message: Message) -> Output:
        (topic, partition), offset = _where(message)
        try:
            return codec.decode_output(self._names[topic], message.key(), message.value())
        except InvalidMessageError as error:
            raise InvalidMessageError(
                f"{topic}[{partition}] holds at {offset} what is no message of it: it {error}."
                " Find out who else writes this topic; nothing after it is applied until then."
            ) from error

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with closing(LogReader(self._settings)) as reader:
            self._positions.take(self._connection, reader, partitions)
        consumer.assign(partitions)
        self._on_assigned()

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._positions.drop(partitions)


def all_sinks() -> dict[str, Sink]:
    """Every sink by its name, which its group and its positions bear."""
    return {
        "directory_view": DirectoryView(),
        "session_revoker": session_revoker,
        "audit_log": audit_log,
    }


def run(settings: Settings, installation: Installation, ready: Callable[[], None]) -> None:
    """Run all sinks until SIGTERM or SIGINT; call it in the main thread.

    `ready` is called once, when each sink knows its partitions, be they none.  Any failure ends the
    process with status 1 and is logged.
    """
    # Blocked, so that no thread is interrupted in the middle of anything: sigwait takes them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    sinks = all_sinks()
    readiness = _Readiness(set(sinks), ready)
    stopping = threading.Event()

    def feed(name: str, sink: Sink) -> None:
        loop = SinkLoop(settings, installation, name, sink, lambda: readiness.has(name))
        loop.run(stopping.is_set)
        loop.close()

    threading.excepthook = _end_process
    threads = [
        threading.Thread(target=feed, args=[name, sink], name=name) for name, sink in sinks.items()
    ]
    for thread in threads:
        thread.start()
    signal.sigwait(_ENDING)
    stopping.set()
    for thread in threads:
        thread.join()


def _end_process(failed: threading.ExceptHookArgs) -> None:
    """End at once: the other sinks must not go on as if nothing had happened."""
    name = failed.thread.name if failed.thread is not None else "unknown"
    error = failed.exc_value or failed.exc_type
    structlog.get_logger(__name__).critical("sink_failed", sink=name, exc_info=error)
    sys.stderr.flush()
    os._exit(1)


class _Readiness:
    """Says once that all sinks know their partitions."""

    def __init__(self, waiting: set[str], ready: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._waiting = waiting
        self._ready = ready

    def has(self, name: str) -> None:
        """A sink knows its partitions, for the first time or again."""
        with self._lock:
            if name in self._waiting:
                self._waiting.remove(name)
                if not self._waiting:
                    self._ready()


def _where(message: Message) -> tuple[Place, int]:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return (topic, partition), offset
