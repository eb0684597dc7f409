"""One test's own Rollcall on the suite's Kafka and Postgres: names, database, topics, processes."""

import os
import secrets
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property
from operator import ge
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]
import psycopg
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    OffsetSpec,
)
from psycopg import sql
from psycopg.rows import dict_row

import deploy
from deploy import database, installation
from deploy.local.ports import free_ports
from deploy.local.stack import Stack
from deploy.supervisor import _die_with
from schemas import codec, topics
from schemas.changes import AnyChange
from schemas.codec import Output
from schemas.origin import Change
from schemas.partitions import partition_of
from schemas.positions import Installation
from schemas.settings import Settings
from tests.waiting import eventually

PARTITIONS = 4
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
INPUTS = {topic.name for topic in topics.LANES}
NO_LEADER = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
"""What Kafka says of a partition in the first moment of its life."""
ROLLCALL = ("-m", "deploy.cli.app")
"""What Python runs, before the name of the stage."""
Stage = Literal["gateway", "processors", "sinks"]


class Process:
    """A process of Rollcall, seen from outside; what it logs is in `log`."""

    def __init__(self, program: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.log = log
        self.health = f"http://127.0.0.1:{env['ROLLCALL_HEALTH_PORT']}"
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"rollcall-test-{secrets.token_hex(8)}"
        self._notified.bind(f"\0{address}")
        parent = os.getpid()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *program],
                env={**env, "NOTIFY_SOCKET": f"@{address}"},
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A run that is killed leaves no process behind that waits for its broker.
                preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 - system calls only
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def until_ready(self) -> None:
        """Wait for READY=1; a process that ends instead fails the test with what it logged."""
        eventually(lambda: self._says_ready() or self.status() is not None, READY_SECONDS)
        assert self.status() is None, self.log.read_text()

    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def until_ended(self) -> int:
        """Wait until it has ended; what ends it may come before it has ever been ready."""
        return self._process.wait(READY_SECONDS)

    def stop(self) -> int:
        """Ask it to end (SIGTERM); the exit status."""
        self._process.terminate()
        return self.until_ended()

    def kill(self) -> None:
        """SIGKILL, as the kernel does it when memory runs out."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: it lives, and does nothing."""
        freeze(self.pid)

    def thaw(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """How much processor time it has used."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        self._notified.close()
        if self.status() is None:
            self.kill()

    def _says_ready(self) -> bool:
        readable, _, _ = select.select([self._notified], [], [], 0)
        return bool(readable) and self._notified.recv(64) == b"READY=1"


def freeze(pid: int) -> None:
    """SIGSTOP; returns when no thread of the process runs any more: one could still answer."""
    os.kill(pid, signal.SIGSTOP)

    def stands_still() -> bool:
        threads = Path(f"/proc/{pid}/task")
        try:
            stats = [each.joinpath("stat").read_text() for each in threads.iterdir()]
        except (FileNotFoundError, ProcessLookupError):
            return False  # one has ended meanwhile
        return all(stat.rpartition(")")[2].split()[0] in "TZX" for stat in stats)

    if sys.platform == "linux":
        eventually(stands_still, STOP_SECONDS)


class World:
    """Names, a database and topics that no other test has."""

    def __init__(self, stack: Stack, settings: Settings, made: Installation, folder: Path) -> None:
        self.stack = stack
        self.settings = settings
        self.installation = made
        self.folder = folder
        self._clients = ExitStack()

    def close(self) -> None:
        """Leave Kafka."""
        self._clients.close()

    def env(self) -> dict[str, str]:
        """The environment of a process or command of this world."""
        ours = self.settings
        return {name: v for name, v in os.environ.items() if not name.startswith("ROLLCALL_")} | {
            "PYTHONPATH": str(Path(deploy.__file__).parents[1]),
            "ROLLCALL_KAFKA": ours.require_kafka(),
            "ROLLCALL_DATABASE_URL": ours.require_database(),
            "ROLLCALL_INSTALLATION": ours.installation,
            "ROLLCALL_TOPIC_PREFIX": ours.topic_prefix,
            "ROLLCALL_ADMIN_TOKEN": ours.require_admin_token(),
            "ROLLCALL_REDACTION_KEY": ours.require_redaction_key(),
            "ROLLCALL_WORKOS_WEBHOOK_SECRETS": ",".join(ours.workos_webhook_secrets),
            "ROLLCALL_URL": ours.url,
            "ROLLCALL_PORT": str(ours.port),
            "ROLLCALL_HEALTH_PORT": "0",
            "ROLLCALL_STATE_FOLDER": str(ours.state_folder),
            "ROLLCALL_INSTANCE": ours.instance,
        }

    @contextmanager
    def process(
        self,
        stage: Stage,
        instance: str = "a",
        *,
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = ROLLCALL,
        ready: bool = True,
    ) -> Iterator[Process]:
        """A process, ready unless it is not to be; at the end it is killed if it still runs.

        Each instance has a state folder of its own, as on a machine of its own.
        """
        own = {
            "ROLLCALL_INSTANCE": instance,
            "ROLLCALL_STATE_FOLDER": str(self.settings.state_folder / instance),
            "ROLLCALL_HEALTH_PORT": str(free_ports(1)[0]),
        }
        log = self.folder / f"{stage}-{instance}.log"
        argv = (*program, stage)
        with closing(Process(argv, {**self.env(), **own, **(env or {})}, log)) as process:
            if ready:
                process.until_ready()
            yield process

    @contextmanager
    def processes(self, *stages: Stage) -> Iterator[dict[Stage, Process]]:
        """Processes of these stages, started side by side, and ready."""
        with ExitStack() as running:
            processes = {
                stage: running.enter_context(self.process(stage, ready=False)) for stage in stages
            }
            for process in processes.values():
                process.until_ready()
            yield processes

    def produce(self, topic: str, *messages: AnyChange | Output) -> None:
        """Put messages on a topic, named logically: outputs in one transaction, to be read now."""
        if topic in INPUTS:
            self._put(self._plain, topic, messages)
            assert self._plain.flush(STOP_SECONDS) == 0
            return
        self._transactional.begin_transaction()
        self._put(self._transactional, topic, messages)
        self._transactional.commit_transaction(STOP_SECONDS)
        self.until_readable(topic)

    def until_readable(self, *topics: str) -> None:
        """Wait until all that stands in topics, named logically, is committed or aborted."""
        until_readable(self._admin, *map(self.settings.topic, topics))

    def messages(self, topic: str) -> list[Any]:
        """Every committed message of a topic, named logically, in the order of its partitions."""
        name = self.settings.topic(topic)
        decode = codec.decode_change if topic in INPUTS else None
        return [
            decode(key, value) if decode else codec.decode_output(topic, key, value)
            for message in committed(self.settings.require_kafka(), name)
            for key, value in [(message.key(), message.value())]
        ]

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """One transaction of the database owner, committed at the end."""
        with database.connected(self.settings) as connection:
            yield connection

    def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """What the database's owner reads."""
        with (
            self.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            return cursor.execute(query, arguments).fetchall()

    def _put(self, producer: Producer, topic: str, messages: Sequence[AnyChange | Output]) -> None:
        for message in messages:
            envelope = (
                codec.envelope_of_change(message, "tests")
                if isinstance(message, Change)
                else codec.envelope_of_output(message)
            )
            producer.produce(
                self.settings.topic(topic),
                key=message.tenant_id,
                value=codec.encode(message),
                headers=[*envelope.headers()],
                partition=partition_of(message.tenant_id, PARTITIONS),
            )

    @cached_property
    def _admin(self) -> AdminClient:
        admin = AdminClient({"bootstrap.servers": self.settings.require_kafka()})
        return self._clients.enter_context(admin)

    @cached_property
    def _plain(self) -> Producer:
        producer = Producer({"bootstrap.servers": self.settings.require_kafka()})
        return self._clients.enter_context(producer)

    @cached_property
    def _transactional(self) -> Producer:
        producer = Producer(
            {
                "bootstrap.servers": self.settings.require_kafka(),
                "transactional.id": f"{self.settings.installation}-test",
            }
        )
        producer.init_transactions(STOP_SECONDS)
        return self._clients.enter_context(producer)


@contextmanager
def new_world(stack: Stack, template: str, folder: Path) -> Iterator[World]:
    """A world of its own for one test; its database and topics go at the end."""
    name = f"t{secrets.token_hex(5)}"
    port = free_ports(1)[0]
    settings = Settings(
        kafka=stack.kafka,
        database_url=with_database(stack.database, name),
        installation=name,
        topic_prefix=f"{name}.",
        admin_token=secrets.token_urlsafe(16),
        redaction_key=secrets.token_urlsafe(16),
        workos_webhook_secrets=(secrets.token_urlsafe(16),),
        url=f"http://127.0.0.1:{port}",
        port=port,
        instance="a",
        state_folder=folder / "state",
    )
    with new_database(stack, name, template=template):
        made = installation.create_topics(settings, PARTITIONS)
        with closing(World(stack, settings, made, folder)) as world:
            yield world
        with AdminClient({"bootstrap.servers": stack.kafka}) as admin:
            for answer in admin.delete_topics(list(made.topic_ids)).values():
                answer.exception()  # waits; a test may have deleted some itself


@contextmanager
def new_database(stack: Stack, name: str, *, template: str = "template1") -> Iterator[str]:
    """The URL of a database that goes at the end."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(stack.database, autocommit=True) as owner:
        owner.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield with_database(stack.database, name)
        finally:
            owner.execute(drop)


def with_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def until_readable(admin: AdminClient, *topics: str) -> None:
    """Wait until all that stands in topics by now is committed or aborted.

    Kafka confirms the end of a transaction before it sets the markers that let anybody read it.
    """
    places = [
        TopicPartition(topic, number)
        for topic in topics
        for number in admin.list_topics(topic, STOP_SECONDS).topics[topic].partitions
    ]

    def ends(level: IsolationLevel) -> list[int] | None:
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the client's
        answers = admin.list_offsets(dict.fromkeys(places, newest), isolation_level=level)
        try:
            return [answers[place].result().offset for place in places]
        except KafkaException as error:
            if error.args[0].code() not in NO_LEADER:
                raise
            return None

    written = eventually(lambda: ends(IsolationLevel.READ_UNCOMMITTED), READY_SECONDS)

    def are_readable() -> bool:
        readable = ends(IsolationLevel.READ_COMMITTED)
        return readable is not None and all(map(ge, readable, written))

    eventually(are_readable, READY_SECONDS)


def committed(kafka: str, topic: str) -> Iterator[Message]:
    """Every committed message that a topic holds now."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "tests",  # required by the client, never joined
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
        }
    )
    with closing(consumer):
        found = consumer.list_topics(topic, STOP_SECONDS).topics[topic]
        open_ends = set(found.partitions)
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in open_ends])
        while open_ends:
            message = consumer.poll(STOP_SECONDS)
            assert message is not None, f"Kafka sent nothing of {topic}, not even its end"
            if (error := message.error()) is None:
                yield message
                continue
            assert error.code() == KafkaError._PARTITION_EOF, error
            open_ends.discard(message.partition())
