"""Real brokers and databases, started as the product starts them, ended as users end them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

import deploy
from deploy.local.class_path import KafkaUnavailableError, kafka_class_path
from deploy.local.errors import StackError
from deploy.local.guard import Guard
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.local.stack import running
from tests.waiting import eventually

JAVA_HIDDEN = {"PATH": "/nowhere"}
NO_DOCKER = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}

OWNER = """
import dataclasses, json, signal, sys
from pathlib import Path
from deploy.local.stack import running
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
with running(kafka=None, database=None, folder=folder, on_progress=lambda _: None) as stack:
    print(json.dumps(dataclasses.asdict(stack), default=str), flush=True)
    signal.pause()
"""


class Owner:
    """A process that owns a stack, seen from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.stack: dict[str, Any] = json.loads(process.stdout.readline())
        family = psutil.Process(process.pid).children(recursive=True)
        self.family = {member.pid: member for member in family}

    def names(self) -> set[str]:
        return {member.name() for member in self.family.values()}

    def family_is_gone(self) -> bool:
        return not any(map(alive, self.family.values()))


@contextmanager
def owner(*arguments: str | Path, env: dict[str, str] | None = None) -> Iterator[Owner]:
    root = str(Path(deploy.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, *arguments],
        env={**os.environ, "PYTHONPATH": root, **NO_DOCKER, **(env or {})},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Owner(process)
        finally:
            process.kill()


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def sockets(dsn: str) -> Path:
    return Path(dsn.rpartition("host=")[2])


def say(kafka: str, value: bytes) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic("greetings", 1, 1)])["greetings"].result(30)
    producer = Producer({"bootstrap.servers": kafka, "acks": "all"})
    producer.produce("greetings", value)
    assert producer.flush(30) == 0


def heard(kafka: str) -> bytes | None:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "none",  # librdkafka wants a name; no group is formed
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition("greetings", 0, OFFSET_BEGINNING)])
    try:
        message = eventually(lambda: consumer.poll(1), 30)
    finally:
        consumer.close()
    assert message.error() is None
    return message.value()


def answer(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row and row[0]


@pytest.mark.kafka
def test_a_killed_owner_leaves_no_process_and_no_file() -> None:
    with owner() as mine:
        stack = mine.stack
        assert (stack["kafka_kind"], stack["database_kind"]) == ("apache-kafka", "postgres")
        assert mine.names() >= {"java", "postgres"}
        say(stack["kafka"], b"hello")
        assert heard(stack["kafka"]) == b"hello"
        assert answer(stack["database"], "show max_connections") == "300"
        mine.process.kill()
        eventually(mine.family_is_gone, 30)
        assert not Path(stack["folder"]).exists()
        assert not sockets(stack["database"]).exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_owner_keeps_what_is_to_be_kept(
    tmp_path: Path, ending: signal.Signals
) -> None:
    with owner(tmp_path, env=JAVA_HIDDEN) as mine:
        stack = mine.stack
        assert stack["kafka_kind"] == "in-memory"
        assert stack["notes"][0] == "Apache Kafka is not used: there is no Java on PATH."
        say(stack["kafka"], b"hello")
        assert heard(stack["kafka"]) == b"hello"
        assert answer(stack["database"], "select 1") == 1
        mine.process.send_signal(ending)
        eventually(mine.family_is_gone, 30)
        assert mine.process.wait() != 0
    assert not Path(stack["folder"]).exists()  # must not outlive the broker's memory
    assert not sockets(stack["database"]).exists()
    assert {entry.name for entry in tmp_path.iterdir()} >= {"kafka", "lock"}


def test_a_folder_has_one_stack_at_a_time(tmp_path: Path) -> None:
    taken = f"Process {os.getpid()} runs a local stack in"
    with Guard(tmp_path), pytest.raises(StackError, match=taken):
        Guard(tmp_path)
    with Guard(tmp_path):
        pass


@pytest.mark.kafka
def test_crashed_servers_come_back_at_their_address_with_their_data(tmp_path: Path) -> None:
    with Guard(tmp_path) as guard:
        kafka = LocalKafka(tmp_path / "kafka", kafka_class_path(print), guard)
        postgres = LocalPostgres(tmp_path / "postgres", guard)
        try:
            kafka.start()
            postgres.start()
            say(kafka.address, b"kept")
            with psycopg.connect(postgres.dsn) as connection:
                connection.execute("create table greetings as select 'kept' as greeting")
            first = (kafka.pid, postgres.pid)
            kafka.kill()
            postgres.stop("immediate")
            postgres.restart()
            kafka.restart()
            assert not {kafka.pid, postgres.pid} & set(first)
            assert heard(kafka.address) == b"kept"
            assert answer(postgres.dsn, "select greeting from greetings") == "kept"
            given = kafka.address, postgres.dsn
            with running(
                kafka=given[0], database=given[1], folder=None, on_progress=print
            ) as stack:
                assert (stack.kafka, stack.database) == (kafka.address, postgres.dsn)
                assert (stack.kafka_kind, stack.database_kind) == ("given", "given")
        finally:
            kafka.stop()
            postgres.stop()


def test_a_given_database_must_answer(tmp_path: Path) -> None:
    nobody = f"postgresql://postgres@/postgres?host={tmp_path}"
    with (
        pytest.raises(StackError, match="ROLLCALL_DATABASE_URL accepted no connection"),
        running(kafka=None, database=nobody, folder=None, on_progress=print),
    ):
        pass


def test_a_server_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with Guard(tmp_path) as guard:
        postgres = LocalPostgres(tmp_path / "postgres", guard)
        postgres.prepare()
        postgres.launch()
        postgres.until_ready()
        postgres.stop()
        (tmp_path / "postgres/data/PG_VERSION").write_text("7\n")
        with pytest.raises(StackError, match=r"(?s)ended with status 1.*incompatible with server"):
            postgres.restart()


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in Maven's place, so that what it finds, or that it fails, is ours to choose."""
    program = tmp_path / "bin" / "mvn"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return program


def write_program(path: Path, *lines: str) -> None:
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)


def test_the_class_path_is_resolved_again_when_a_jar_is_missing(
    tmp_path: Path, maven: Path
) -> None:
    jar = tmp_path / "kafka.jar"
    jar.touch()
    write_program(
        maven,
        'for argument; do case "$argument" in -Dmdep.outputFile=*)',
        f'printf %s "{jar}" > "${{argument#*=}}"; esac; done',
    )
    told: list[str] = []
    assert [kafka_class_path(told.append) for _ in range(2)] == [str(jar)] * 2
    assert len(told) == 1
    jar.unlink()
    kafka_class_path(told.append)
    assert len(told) == 2


def test_maven_s_reason_is_told(maven: Path) -> None:
    write_program(maven, "echo '[ERROR] No route to the repository'", "exit 1")
    with pytest.raises(KafkaUnavailableError, match=r"\(No route to the repository\)"):
        kafka_class_path(print)


@pytest.mark.parametrize(("version", "found"), [("11.0.2", "11"), ("1.8.0_392", "1")])
def test_an_old_java_is_named(maven: Path, version: str, found: str) -> None:
    write_program(maven.with_name("java"), f"echo 'openjdk version \"{version}\"' >&2")
    with pytest.raises(KafkaUnavailableError, match=f"needs Java 17, PATH has {found}$"):
        kafka_class_path(print)
