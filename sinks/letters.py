"""The table of dead letters, statement by statement; those of the processors stand there, too."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from schemas import limits
from sinks.arrival import as_text

_INSERT: Final = """
    INSERT INTO dead_letter (
        tenant_id, letter_id, stage, reason, detail, entity, removal, directory_id, cause,
        topic, partition, "offset", headers, key, value, sha256, recorded_at
    ) VALUES (
        %(tenant_id)s, %(letter_id)s, %(stage)s, %(reason)s, %(detail)s, %(entity)s, %(removal)s,
        %(directory_id)s, %(cause)s, %(topic)s, %(partition)s, %(offset)s, %(headers)s, %(key)s,
        %(value)s, %(sha256)s, %(recorded_at)s
    ) ON CONFLICT DO NOTHING
"""
# A letter of an unknown directory bears no tenant; who got the directory rules on it.
_OF_THE_TENANT: Final = """
    letter_id = %(letter_id)s AND settled IS NULL
    AND (tenant_id = %(tenant_id)s OR reason = 'unknown_directory')
"""
_SETTLE: Final = f"""
    UPDATE dead_letter SET settled = %(how)s, settled_at = now() WHERE {_OF_THE_TENANT}
"""  # noqa: S608 # of two constants
_FAIL: Final = f"""
    UPDATE dead_letter SET attempts = attempts + 1, detail = %(detail)s WHERE {_OF_THE_TENANT}
"""  # noqa: S608 # of two constants
_PLACES: Final = """
    SELECT DISTINCT topic, partition FROM dead_letter WHERE stage = %s AND settled IS NULL
"""
_OPEN: Final = """
    SELECT tenant_id, letter_id, entity, topic, key, value FROM dead_letter
    WHERE stage = %s AND topic = %s AND partition = %s AND settled IS NULL ORDER BY number
"""
_IS_OPEN: Final = """
    SELECT FROM dead_letter
    WHERE tenant_id = %s AND entity = %s AND stage = %s AND settled IS NULL LIMIT 1
"""
_COUNT: Final = """
    SELECT count(*) FROM dead_letter
    WHERE stage = %s AND topic = %s AND partition = %s AND "offset" > %s AND "offset" <= %s
    AND reason <> 'waiting' AND settled IS NULL
"""


class LetterRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `dead_letter` as it is written first; any text may be foreign."""

    tenant_id: str
    letter_id: str
    stage: str
    reason: str
    detail: str
    entity: str
    removal: bool
    directory_id: str | None
    cause: str
    topic: str
    partition: int
    offset: int
    headers: Sequence[tuple[str, bytes | None]]
    key: bytes | None
    value: bytes | None
    sha256: str
    recorded_at: datetime


class OpenLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What a sink needs of its letter to try it again."""

    tenant_id: str
    letter_id: str
    entity: str
    topic: str
    key: bytes | None
    value: bytes | None


def insert(connection: Connection, row: LetterRow) -> None:
    """Add a letter; one that is there stays as it is."""
    fields = {
        name: as_text(value) if isinstance(value, str) else value
        for name, value in msgspec.structs.asdict(row).items()
    }
    headers = [(as_text(name), b64encode(value or b"").decode()) for name, value in row.headers]
    fields |= {"detail": fields["detail"][: limits.LETTER_DETAIL], "headers": Jsonb(headers)}
    connection.execute(_INSERT, fields)


def settle(
    connection: Connection, tenant_id: str, letter_id: str, how: Literal["replayed", "dropped"]
) -> bool:
    """Close a letter, for good; False where it is open no more, or none of the tenant's."""
    named = {"tenant_id": tenant_id, "letter_id": letter_id, "how": how}
    return connection.execute(_SETTLE, named).rowcount == 1


def fail(connection: Connection, tenant_id: str, letter_id: str, detail: str) -> None:
    """Note that an open letter was tried again in vain, and why."""
    detail = as_text(detail)[: limits.LETTER_DETAIL]
    named = {"tenant_id": tenant_id, "letter_id": letter_id, "detail": detail}
    connection.execute(_FAIL, named)


def places(connection: Connection, sink: str) -> set[tuple[str, int]]:
    """The topics, named logically, and partitions that a sink has open letters of."""
    with connection.transaction():
        return set(connection.execute(_PLACES, [sink]).fetchall())


def still_open(
    connection: Connection, sink: str, topic: str, partition: int
) -> Iterator[OpenLetter]:
    """A sink's open letters of a partition, oldest first; few are in memory at once."""
    with connection.cursor(name="letters", row_factory=class_row(OpenLetter)) as cursor:
        cursor.itersize = 20  # a letter may hold `limits.LETTER_VALUE`
        yield from cursor.execute(_OPEN, [sink, topic, partition])


def is_open(connection: Connection, tenant_id: str, entity: str, sink: str) -> bool:
    """Whether a sink has an open letter about something of a tenant."""
    return connection.execute(_IS_OPEN, [tenant_id, entity, sink]).fetchone() is not None


def count(connection: Connection, sink: str, topic: str, partition: int, offset: int) -> int:
    """How many of the last `limits.BUDGET_WINDOW` offsets are open letters in their own right."""
    window = (offset - limits.BUDGET_WINDOW, offset)
    row = connection.execute(_COUNT, [sink, topic, partition, *window]).fetchone()
    assert row is not None
    return int(row[0])
