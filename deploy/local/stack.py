"""A Kafka and a Postgres on this machine: the best that can be had, and a word on which it is."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from deploy.local.class_path import KafkaUnavailableError, kafka_class_path
from deploy.local.errors import StackError
from deploy.local.guard import Guard
from deploy.local.kafka import LocalKafka, answers, quiet_admin
from deploy.local.memory_broker import MemoryBroker
from deploy.local.postgres import LocalPostgres, accepts

GIVEN_SECONDS = 10
"""How long a Kafka or a Postgres that was given by its address may take to answer."""

ONE_NODE_NOTE = "Apache Kafka runs as one node with one copy: a power cut may cost seconds."
"""What a local Apache Kafka cannot do."""

MEMORY_NOTES = (
    "The in-memory broker forgets everything when it ends; so the local database is new each time.",
    "A database that you gave must be a new one: it would remember what the broker has forgotten.",
    "It is slow (30 ms a round trip, 8 s until a killed process is back): no kill test, no figure.",
)
"""What the in-memory broker cannot do."""


@dataclass(frozen=True)
class Stack:
    """Where the two are, and which they are."""

    kafka: str
    """`host:port` of the broker."""
    database: str
    """Connection URL for libpq and psycopg."""
    kafka_kind: Literal["given", "apache-kafka", "in-memory"]
    """Kill tests and figures need `apache-kafka`, or a real one that was given."""
    database_kind: Literal["given", "postgres"]
    """`postgres` is the local PostgreSQL."""
    folder: Path
    """Where its files are, kept exactly as long as its data: the place for local state too."""
    notes: tuple[str, ...]
    """Sentences for people: why this choice, and what it cannot do."""


class _Part(Protocol):
    """A server that starts in three steps, so that two can start side by side."""

    def prepare(self) -> None: ...
    def launch(self) -> None: ...
    def until_ready(self) -> None: ...
    def stop(self) -> None: ...


@contextmanager
def running(
    *,
    kafka: str | None,
    database: str | None,
    folder: Path | None,
    lasting: bool = False,
    on_progress: Callable[[str], None],
) -> Iterator[Stack]:
    """Give a stack that listens; at the end, end what was started for it.

    That happens also when this process is killed (`deploy.local.guard`).

    Args:
        kafka: `host:port` of a broker to use instead of a local one.
        database: connection URL of a database to use instead of a local one.
        folder: keeps the data from one run to the next; None: a private one, deleted at the end.
        lasting: rather no stack than one that forgets, or that lost a part since the last run.
        on_progress: gets a sentence for whatever takes time or was chosen.

    Raises:
        StackError: a part cannot be had.
    """
    if kafka:
        _require_kafka(kafka)
    if database:
        _require_database(database)
    with Guard(folder) as guard, ExitStack() as stopping:
        broker, notes = (None, ()) if kafka else _broker(guard, on_progress, lasting=lasting)
        home = _forgotten(guard) if isinstance(broker, MemoryBroker) else guard.folder
        postgres = None if database else LocalPostgres(home / "postgres", guard)
        if lasting:
            _require_both(broker, postgres, guard.folder)
        _start([part for part in (broker, postgres) if part], stopping)
        address, dsn = broker.address if broker else kafka, postgres.dsn if postgres else database
        assert address
        assert dsn
        stack = Stack(
            kafka=address,
            database=dsn,
            kafka_kind=_kind(broker),
            database_kind="postgres" if postgres else "given",
            folder=home,
            notes=notes,
        )
        on_progress(f"Kafka ({stack.kafka_kind}) answers at {stack.kafka}.")
        on_progress(f"Database ({stack.database_kind}) accepts connections.")
        yield stack


def _broker(
    guard: Guard, on_progress: Callable[[str], None], *, lasting: bool
) -> tuple[LocalKafka | MemoryBroker, tuple[str, ...]]:
    try:
        class_path = kafka_class_path(on_progress)
    except KafkaUnavailableError as missing:
        if lasting:
            raise StackError(
                f"Apache Kafka is not used ({missing}), and the in-memory broker forgets everything"
                " when it ends: see to Apache Kafka, or set ROLLCALL_KAFKA."
            ) from missing
        why = f"Apache Kafka is not used: {missing}."
        return MemoryBroker(guard.folder / "kafka", guard), (why, *MEMORY_NOTES)
    return LocalKafka(guard.folder / "kafka", class_path, guard), (ONE_NODE_NOTE,)


def _kind(
    broker: LocalKafka | MemoryBroker | None,
) -> Literal["given", "apache-kafka", "in-memory"]:
    match broker:
        case LocalKafka():
            return "apache-kafka"
        case MemoryBroker():
            return "in-memory"
        case None:
            return "given"


def _forgotten(guard: Guard) -> Path:
    """A database must not remember positions in a broker that has forgotten their messages."""
    folder = Path(tempfile.mkdtemp(prefix="in-memory-", dir=guard.folder))
    guard.delete_at_end(folder)
    return folder


def _start(parts: list[_Part], stopping: ExitStack) -> None:
    for part in parts:
        stopping.callback(part.stop)
        part.prepare()
    for part in parts:
        part.launch()
    for part in parts:
        part.until_ready()


def _require_both(
    broker: LocalKafka | MemoryBroker | None, postgres: LocalPostgres | None, folder: Path
) -> None:
    """Before anything starts, so that a refusal leaves the folder as it is."""
    if isinstance(broker, LocalKafka) and postgres and postgres.kept and not broker.kept:
        raise StackError(
            f"{folder} has Postgres's data of an earlier run but not Kafka's, which it goes by:"
            f" put {folder / 'kafka'} back, set ROLLCALL_KAFKA if it was elsewhere, or begin anew"
            " with another folder."
        )


def _require_kafka(kafka: str) -> None:
    if not answers(quiet_admin(kafka), seconds=GIVEN_SECONDS):
        raise StackError(
            f"No Kafka answered at {kafka} within {GIVEN_SECONDS} s: start it, or unset "
            "ROLLCALL_KAFKA to get a local one."
        )


def _require_database(database: str) -> None:
    if not accepts(database, seconds=GIVEN_SECONDS):
        raise StackError(
            f"The database of ROLLCALL_DATABASE_URL accepted no connection within {GIVEN_SECONDS} "
            "s: start it, correct the URL, or unset it to get a local one."
        )
