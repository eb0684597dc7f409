"""Postgres older than Kafka, new, or full: the logs bring all of it back."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg import sql
from psycopg.rows import tuple_row

from deploy import database, installation
from deploy.errors import InstallationError
from deploy.local.postgres import _as_unprivileged
from deploy.local.stack import Stack
from schemas import topics
from schemas.partitions import partition_of
from sinks import audit_log
from tests.core import scenario
from tests.core.scenario import deactivated, group, joined, mapping, reported, workspace
from tests.harness import PARTITIONS, World, new_database, new_world
from tests.processors.telling import settings, told
from tests.sinks.messages import entry
from tests.states.stages import SECONDS, is_applied, running
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
AUDIT = topics.AUDIT_ENTRIES.name
PARTITION = partition_of(scenario.TENANT, PARTITIONS)
OURS = {"session", "api_key"}
"""Tables that do not come out of Kafka: what only Postgres knew is gone with it."""
OF_TODAY = {"login_cutoff", "claims_cutoff", "created_at", "settled_at", "reached"}
"""Columns that tell when a row was written, or how far a log was read that goes on growing."""
SESSIONS = """
    INSERT INTO session (tenant_id, session_id, member_id, label, created_at, member_revision)
    SELECT tenant_id, member_id, member_id, 'laptop', clock_timestamp(), revision FROM member
    WHERE standing = 'active'
"""

ROOM = 17 << 20
"""Bytes that a file may have where the disk is full."""
ROWS = 10_000
FILLER = """
    INSERT INTO audit_entry
    SELECT (json_populate_record(NULL::audit_entry, json_build_object(
        'tenant_id', 'filler', 'sequence', n, 'entry_id', n, 'decision', 'd', 'subject', 's',
        'actor', 'a', 'sentence', repeat('x', 1800), 'occurred_at', now(), 'recorded_at', now(),
        'entry', json_build_object(), 'previous_hash', '', 'hash', ''))).*
    FROM generate_series(1, %s) AS n
"""
"""Rows that are just small enough to stand in the table itself."""


class Past(NamedTuple):
    """A world whose processes have all stopped, and what it was like before its last changes."""

    world: World
    older: str
    """URL of a copy of its database."""
    tables: dict[str, list[Any]]
    """What stood in the database at the end."""


@pytest.fixture(scope="module")
def past(stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """People arrive; a copy is made; some leave, others come and change."""
    with new_world(stack, template, tmp_path_factory.mktemp("past")) as world:
        people = [reported(name) for name in ("ann", "ben", "cid")]
        told(world, *settings(), mapping("admins", "admin"), group("admins", "Admins"))
        told(world, *people, joined("ben", "admins"), reported("eve", directory="unknown"))
        with running(world, "processors", "sinks") as stages:
            until_all_is_applied(world, "arrived")
            with world.connection() as connection:
                assert connection.execute(SESSIONS).rowcount == len(people)
            stages.stop("sinks")
            with new_database(stack, f"t{secrets.token_hex(5)}", template=name_of(world)) as older:
                told(world, joined("ann", "admins"), deactivated("cid"), reported("dee"))
                told(
                    world, reported("ben", last_name="Other"), reported("eve", directory="unknown")
                )
                stages.start("sinks")
                until_all_is_applied(world, "left")
                stages.stop("processors", "sinks")
                yield Past(world, older, tables(world.settings.require_database()))


def name_of(world: World) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(world.settings.require_database())["dbname"])


def until_all_is_applied(world: World, mark: str) -> None:
    """Wait until the sinks have what comes last, and all before it."""
    told(world, workspace(mark))
    query = "SELECT FROM workspace WHERE slug = %s"
    eventually(lambda: world.rows(query, mark) and is_applied(world), SECONDS)


def tables(url: str) -> dict[str, list[Any]]:
    """Every row of every table, without what tells when it was written."""
    columns = """
        SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)
        FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name
    """
    with psycopg.connect(url, row_factory=tuple_row) as connection:
        found: dict[str, list[Any]] = {}
        for table, names in connection.execute(columns).fetchall():
            kept = sql.SQL(", ").join(map(sql.Identifier, sorted(set(names) - OF_TODAY)))
            query = sql.SQL("SELECT {} FROM {}").format(kept, sql.Identifier(table))
            found[table] = sorted(map(repr, connection.execute(query)))
        return found


def sinks_make(past: Past, url: str) -> dict[str, list[Any]]:
    """What the sinks make of a database, once they have read all that there is."""
    own = past.world.settings.model_copy(update={"database_url": url})
    world = World(past.world.stack, own, past.world.installation, past.world.folder)
    with closing(world), running(world, "sinks"):
        eventually(lambda: is_applied(world), SECONDS)
    with psycopg.connect(url) as connection:
        assert audit_log.verify(connection, scenario.TENANT) == len(past.tables["audit_entry"])
    return tables(url)


def fill_disk(world: World) -> None:
    """Let the audit log's table grow no more in the sessions that there are.

    The limit must be larger than a segment of Postgres's own log, so the table must be, too.
    """
    with world.connection() as connection:
        if not (connection.info.host or "/").startswith("/"):
            pytest.skip("a full disk can be made only for a Postgres on this machine")
        connection.execute(FILLER, [ROWS])
        sessions = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
        info = connection.info
        for (pid,) in connection.execute(sessions, [info.dbname, info.backend_pid]):
            limit = [f"--pid={pid}", f"--fsize={ROOM}:"]
            subprocess.run([*_as_unprivileged(), "prlimit", *limit], check=True)  # as its owner


def test_an_older_postgres_is_brought_to_exactly_the_same_state(past: Past) -> None:
    before = tables(past.older)
    differ = {name for name, rows in past.tables.items() if rows != before[name]}
    assert differ >= {"member", "membership", "session", "member_cutoff", "audit_entry"}
    assert sinks_make(past, past.older) == past.tables


def test_a_new_postgres_is_refused_until_it_is_made_and_then_rebuilt(
    past: Past, stack: Stack
) -> None:
    with new_database(stack, f"t{secrets.token_hex(5)}") as url:
        settings = past.world.settings.model_copy(update={"database_url": url})
        with pytest.raises(InstallationError, match="run `rollcall db upgrade`"):
            installation.load(settings)
        database.upgrade(settings)
        with pytest.raises(InstallationError, match=r"knows no installation .* `rollcall topics"):
            installation.load(settings)
        assert installation.create_topics(settings, PARTITIONS) == past.world.installation
        made = sinks_make(past, url)
    expected = past.tables | {table: [] for table in OURS}
    assert made == expected


def test_a_new_postgres_is_not_begun_in_the_middle_of_a_log(world: World) -> None:
    world.produce(AUDIT, entry("one"))
    world.produce(AUDIT, entry("two"))
    topic = world.settings.topic(AUDIT)
    with AdminClient({"bootstrap.servers": world.settings.require_kafka()}) as admin:
        (answer,) = admin.delete_records([TopicPartition(topic, PARTITION, 2)]).values()
        answer.result()
    with running(world) as stages:
        stages.start("sinks")
        ended = stages.until_ended("sinks")
    assert ended.status == 1
    assert f"{topic}[{PARTITION}] begins at 2, and nothing of it was ever applied" in ended.said
    assert world.rows("SELECT FROM audit_entry") == []


def test_a_full_disk_ends_the_sinks_and_makes_no_message_poison(world: World) -> None:
    with running(world, "sinks") as stages:
        world.produce(AUDIT, entry("one"))
        eventually(lambda: world.rows("SELECT FROM audit_entry"), SECONDS)
        fill_disk(world)
        world.produce(AUDIT, *(entry(f"{n} " + "x" * 1_000) for n in range(100)))
        ended = stages.until_ended("sinks")
        assert ended.status == 1
        assert "could not extend file" in ended.said
        stages.until_ready()
        eventually(lambda: is_applied(world), SECONDS)
        assert world.rows("SELECT FROM dead_letter") == []
        with world.connection() as connection:
            assert audit_log.verify(connection, "acme") == 101
