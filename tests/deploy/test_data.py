"""`rollcall up --data`: what is there the next time, and which folders are refused."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from deploy.local.errors import StackError
from deploy.local.guard import Guard
from deploy.local.kept_secrets import secrets_in
from deploy.local.postgres import LocalPostgres
from deploy.local.stack import Stack
from schemas.topics import TOPICS
from tests.deploy.broker import Broker
from tests.deploy.foreground import Up, refused, stop, up

ACME = ("-t", "acme")
NOTE = "SELECT name, cluster_id, partitions, topic_ids FROM installation"
JAVA_HIDDEN = {"PATH": "/nowhere"}


def noted(database: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(NOTE).fetchall()


def secrets_of(running: Up) -> list[str]:
    return [running.addresses[name] for name in ("admin_token", "workos_webhook_secret")]


@contextmanager
def postgres_of(folder: Path) -> Iterator[str]:
    """The kept database, while nothing else runs."""
    with Guard(folder) as guard:
        server = LocalPostgres(folder / "postgres", guard)
        server.start()
        try:
            yield server.dsn
        finally:
            server.stop()


@pytest.mark.kafka
def test_what_was_there_is_there_the_next_time_and_a_part_that_is_missing_is_refused(
    tmp_path: Path, stack: Stack, broker: Broker
) -> None:
    folder = tmp_path / "kept, and private"  # to Kafka a comma would be a second folder
    with up("--data", folder) as first:
        first.json("tenant", "create", "acme", "--name", "Acme Inc.")
        made, note = secrets_of(first), noted(first.addresses["database"])
        in_use = refused("--data", folder)
        assert f"Process {first.process.pid} runs a local stack in {folder}: stop it" in in_use
        stop(first)
    assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == [folder]

    with up("--data", folder) as second:
        assert secrets_of(second) == made
        (tenant,) = second.json("tenant", "list")["tenants"]
        assert tenant["name"] == "Acme Inc."
        # Decided by a worker that remembers the tenant, applied by a sink that goes on.
        second.json("role", "set", "admin", "--rank", "30", "--admin", *ACME)
        assert noted(second.addresses["database"]) == note
        stop(second)

    there = broker.partitions()
    said = refused("--data", folder, ROLLCALL_KAFKA=stack.kafka)
    assert f"but this installation lives in {note[0][1]}: correct ROLLCALL_KAFKA" in said
    assert not {topic.name for topic in TOPICS} & (broker.partitions().keys() - there.keys())

    shutil.rmtree(folder / "kafka")
    before = {path.name for path in folder.iterdir()}
    said = refused("--data", folder)
    assert f"but not Kafka's, which it goes by: put {folder / 'kafka'} back" in said
    assert {path.name for path in folder.iterdir()} == before
    with postgres_of(folder) as database:
        assert noted(database) == note


def test_a_broker_that_forgets_is_refused(tmp_path: Path) -> None:
    said = refused("--data", tmp_path, **JAVA_HIDDEN)
    assert "(there is no Java on PATH), and the in-memory broker forgets everything" in said
    assert "set ROLLCALL_KAFKA" in said
    assert {path.name for path in tmp_path.iterdir()} == {"guard.log", "lock"}


def test_a_database_that_remembers_is_refused_with_a_broker_that_has_forgotten(
    database_url: str,
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO installation (name, cluster_id, partitions, topic_ids)"
            " VALUES ('rollcall', 'the one before', 12, %s)",
            [Jsonb({topic.name: "" for topic in TOPICS})],
        )
    note = noted(database_url)
    said = refused(ROLLCALL_DATABASE_URL=database_url, **JAVA_HIDDEN)
    assert "but this installation lives in the one before: correct ROLLCALL_KAFKA" in said
    assert noted(database_url) == note


def test_secrets_that_cannot_be_read_are_not_made_anew(tmp_path: Path) -> None:
    made = secrets_in(tmp_path)
    assert secrets_in(tmp_path) == made
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"admin_token": made.admin_token}))
    with pytest.raises(StackError, match="put the file right, or delete it to get new ones"):
        secrets_in(tmp_path)
