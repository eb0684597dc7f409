"""What an operator does to the installation itself: told to the audit log first, then done."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import psycopg
from confluent_kafka import KafkaError, KafkaException
from psycopg import sql

from deploy import database
from deploy.errors import NotAcceptedError
from processors.transaction import Record, Transaction, TransactionError
from schemas import ids, limits
from schemas.access import Because
from schemas.events import OPERATOR_TENANT, AuditEntry
from schemas.read_models import SINK_ROLE
from schemas.settings import Settings
from schemas.topics import STATE_CHANGELOG
from sinks import audit_log

TRIES: Final = 5
"""How often a partition is taken over from a worker that takes it back again and again."""

_ONE_AT_A_TIME: Final = 6_021_708  # any number, the same in every Rollcall
_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 # librdkafka's own name
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)


def entry_of(command: str, subject: str, sentence: str) -> AuditEntry:
    """The audit entry of something that an operator does now.

    Args:
        command: the words after `rollcall`.
        subject: what it is about, as `position/audit_log/audit-entries/3`.
        sentence: what is done and why.
    """
    now = datetime.now(UTC)
    entry_id = ids.of_cause(command, subject, now.isoformat())
    return AuditEntry(
        event_id=entry_id,
        tenant_id=OPERATOR_TENANT,
        cause=entry_id,
        recorded_at=now,
        decision="changed",
        subject=subject,
        actor="operator",
        occurred_at=now,
        because=Because(kind="admin", id=f"rollcall {command}", name="the operator"),
        sentence=sentence,
    )


def audit(settings: Settings, entry: AuditEntry) -> None:
    """Append an entry to the installation's own audit log, once; it is on disk when this returns.

    Raises:
        InstallationError: Postgres is away.
    """
    with as_sink(settings) as connection:
        audit_within(connection, entry)


def audit_within(connection: psycopg.Connection, entry: AuditEntry) -> None:
    """The same within the caller's transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
    audit_log.apply(connection, [entry])  # leaves out what is there already


@contextmanager
def as_sink(settings: Settings) -> Iterator[psycopg.Connection]:
    """One transaction in the role of the sinks, which, unlike theirs, waits for the disk.

    Raises:
        InstallationError: Postgres is away.
    """
    with database.connected(settings) as connection:
        connection.execute("SET LOCAL synchronous_commit = on")
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(SINK_ROLE)))
        yield connection


def write_state(
    settings: Settings, partition: int, key: bytes, value: bytes | None, first: Callable[[], None]
) -> None:
    """Write one record of a partition's state as its owner, or delete it.

    Whoever owned the partition can write no more, and its process ends when it tries.

    Args:
        settings: say where Kafka is, and which installation.
        partition: whose state it is.
        key: where the record stands.
        value: None deletes it.
        first: what is checked and done in between, when nobody else can write; it may be called
            several times, and what it raises leaves everything as it was.

    Raises:
        NotAcceptedError: a worker took the partition back each time.
        TransactionError: Kafka does not do it.
    """
    for _ in range(TRIES):
        try:
            return asyncio.run(_write(settings, partition, key, value, first))
        except TransactionError as error:
            cause = error.__cause__
            if not isinstance(cause, KafkaException) or cause.args[0].code() not in _FENCED:
                raise
    raise NotAcceptedError(
        f"A worker took partition {partition} back {TRIES} times: stop the processors, and do it"
        " again."
    )


async def _write(
    settings: Settings, partition: int, key: bytes, value: bytes | None, first: Callable[[], None]
) -> None:
    transaction = Transaction(settings, partition)
    try:
        await transaction.fence(limits.TRANSACTION_SECONDS)
        first()  # it may block: nothing else runs in this loop
        await transaction.commit([Record(settings.topic(STATE_CHANGELOG.name), key, value)])
    finally:
        transaction.close()
