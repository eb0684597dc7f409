"""A Kafka and a Postgres on this machine: the best that can be had, and a word on which it is."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from deploy.local import docker
from deploy.local.class_path import KafkaUnavailableError, kafka_class_path
from deploy.local.docker import DockerError, DockerKafka, DockerPostgres
from deploy.local.errors import StackError
from deploy.local.guard import Guard
from deploy.local.kafka import LocalKafka, unanswered
from deploy.local.memory_broker import MemoryBroker
from deploy.local.postgres import LocalPostgres, unaccepted
from schemas.kafka import ClientConfig

GIVEN_SECONDS = 10
"""How long a Kafka or a Postgres that was given by its address may take to answer."""

ONE_NODE_NOTE = "Apache Kafka runs as one node with one copy: a power cut may cost seconds."
"""What a local Apache Kafka cannot do."""

_NEW_DATABASE = (
    "A database that you gave must be a new one: it would remember what the broker has forgotten."
)

MEMORY_NOTES = (
    "The in-memory broker forgets everything when it ends; so the local database is new each time.",
    _NEW_DATABASE,
    "It is slow (30 ms a round trip, 8 s until a killed process is back): no kill test, no figure.",
)
"""What the in-memory broker cannot do."""

DOCKER_NOTES = (
    "Containers forget everything when they end; `--data` keeps it, and does without Docker.",
    _NEW_DATABASE,
)
"""What containers cannot do."""


@dataclass(frozen=True)
class Stack:
    """Where the two are, and which they are."""

    kafka: str
    """`host:port` of the broker."""
    database: str
    """Connection URL for libpq and psycopg."""
    kafka_kind: Literal["given", "docker", "apache-kafka", "in-memory"]
    """Kill tests and figures need any but `in-memory`."""
    database_kind: Literal["given", "docker", "postgres"]
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


class _Containers(NamedTuple):
    kafka: DockerKafka | None = None
    postgres: DockerPostgres | None = None
    notes: tuple[str, ...] = ()


@contextmanager
def running(
    *,
    kafka: str | None,
    database: str | None,
    folder: Path | None,
    security: ClientConfig | None = None,
    lasting: bool = False,
    on_progress: Callable[[str], None],
) -> Iterator[Stack]:
    """Give a stack that listens; at the end, end what was started for it.

    That happens also when this process is killed (`deploy.local.guard`, `deploy.local.docker`).

    Args:
        kafka: `host:port` of a broker to use instead of a local one.
        database: connection URL of a database to use instead of a local one.
        folder: keeps the data from one run to the next; None: a private one, deleted at the end.
        security: how the broker that was given is spoken to, if not in the clear.
        lasting: rather no stack than one that forgets, or that lost a part since the last run.
        on_progress: gets a sentence for whatever takes time or was chosen.

    Raises:
        StackError: a part cannot be had.
    """
    if kafka:
        _require_kafka(kafka, security or {})
    if database:
        _require_database(database)
    with Guard(folder) as guard, ExitStack() as stopping:
        broker: LocalKafka | MemoryBroker | DockerKafka | None
        postgres: LocalPostgres | DockerPostgres | None
        broker, postgres, notes = _Containers()
        if not lasting:
            wanted = {"kafka": not kafka, "postgres": not database}
            broker, postgres, notes = _containers(stopping, on_progress, **wanted)
        local: list[_Part] = []
        if not kafka and broker is None:
            broker, more = _broker(guard, on_progress, lasting=lasting)
            notes += more
            local.append(broker)
        home = guard.folder if isinstance(broker, LocalKafka | None) else _forgotten(guard)
        if not database and postgres is None:
            postgres = LocalPostgres(home / "postgres", guard)
            local.append(postgres)
        if lasting:
            _require_both(broker, postgres, guard.folder)
        _start(local, stopping)
        address, dsn = broker.address if broker else kafka, postgres.dsn if postgres else database
        assert address
        assert dsn
        stack = Stack(address, dsn, _kind(broker), _database_kind(postgres), home, notes)
        on_progress(f"Kafka ({stack.kafka_kind}) answers at {stack.kafka}.")
        on_progress(f"Database ({stack.database_kind}) accepts connections.")
        yield stack


def _containers(
    stopping: ExitStack, on_progress: Callable[[str], None], *, kafka: bool, postgres: bool
) -> _Containers:
    """What is wanted, in containers that run; none, and perhaps why, if that cannot be."""
    if not (kafka or postgres) or not docker.daemon_answers():
        return _Containers()
    made = _Containers(
        DockerKafka() if kafka else None, DockerPostgres() if postgres else None, DOCKER_NOTES
    )
    on_progress("Docker starts containers; it fetches what it does not have …")
    with ExitStack() as undoing:
        try:
            _start([part for part in (made.kafka, made.postgres) if part], undoing)
        except DockerError as refused:
            on_progress(why := f"Docker is not used: {refused}.")
            return _Containers(notes=(why,))
        stopping.push(undoing.pop_all())
    return made


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
    broker: LocalKafka | MemoryBroker | DockerKafka | None,
) -> Literal["given", "docker", "apache-kafka", "in-memory"]:
    match broker:
        case LocalKafka():
            return "apache-kafka"
        case MemoryBroker():
            return "in-memory"
        case DockerKafka():
            return "docker"
        case None:
            return "given"


def _database_kind(
    postgres: LocalPostgres | DockerPostgres | None,
) -> Literal["given", "docker", "postgres"]:
    match postgres:
        case LocalPostgres():
            return "postgres"
        case DockerPostgres():
            return "docker"
        case None:
            return "given"


def _forgotten(guard: Guard) -> Path:
    """A database must not remember positions in a broker that has forgotten their messages."""
    folder = Path(tempfile.mkdtemp(prefix="forgotten-", dir=guard.folder))
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


def _require_both(broker: _Part | None, postgres: _Part | None, folder: Path) -> None:
    """Before anything starts, so that a refusal leaves the folder as it is."""
    if not isinstance(broker, LocalKafka) or not isinstance(postgres, LocalPostgres):
        return
    if postgres.kept and not broker.kept:
        raise StackError(
            f"{folder} has Postgres's data of an earlier run but not Kafka's, which it goes by:"
            f" put {folder / 'kafka'} back, set ROLLCALL_KAFKA if it was elsewhere, or begin anew"
            " with another folder."
        )


def _require_kafka(kafka: str, security: ClientConfig) -> None:
    config = security | {"bootstrap.servers": kafka}
    if why := unanswered(config, seconds=GIVEN_SECONDS):
        raise StackError(
            f"No Kafka answered at {kafka} within {GIVEN_SECONDS} s {why}; or unset ROLLCALL_KAFKA"
            " to get a local one."
        )


def _require_database(database: str) -> None:
    if why := unaccepted(database, seconds=GIVEN_SECONDS):
        raise StackError(
            f"The database of ROLLCALL_DATABASE_URL accepted no connection within {GIVEN_SECONDS}"
            f" s ({why}): start it, correct the URL, or unset it to get a local one."
        )
