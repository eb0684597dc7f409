"""The audit log: per tenant a sequence without gaps, each entry bound to the one before it.

hash = SHA-256(previous hash ‖ canonical JSON of the entry); before the first entry stand 32 zero
bytes.  Canonical: keys sorted, no white space, text as UTF-8.  What is cut off at the end of a
chain does not show in it: keep a tenant's last hash elsewhere to prove that nothing was.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from schemas.codec import Output
from schemas.events import AuditEntry
from schemas.topics import AUDIT_ENTRIES
from sinks.rows import as_json

topics: Final = (AUDIT_ENTRIES,)
"""What this sink reads."""

BEFORE_THE_FIRST: Final = bytes(32)
"""What the first entry of a tenant has for the previous hash."""

_LAST: Final = """
    SELECT asked.tenant_id, last.sequence, last.hash
    FROM unnest(%s::text[]) AS asked (tenant_id)
    CROSS JOIN LATERAL (
        SELECT sequence, hash FROM audit_entry WHERE tenant_id = asked.tenant_id
        ORDER BY sequence DESC LIMIT 1
    ) AS last
"""
_KNOWN: Final = """
    SELECT tenant_id, entry_id FROM audit_entry
    JOIN unnest(%s::text[], %s::text[]) AS asked (tenant_id, entry_id) USING (tenant_id, entry_id)
"""
_APPEND: Final = """
    INSERT INTO audit_entry
    SELECT * FROM json_populate_recordset(NULL::audit_entry, %s::json)
"""
_CHAIN: Final = "SELECT * FROM audit_entry WHERE tenant_id = %s ORDER BY sequence"


class BrokenChainError(RuntimeError):
    """A tenant's audit log is not what was written; the text says where it begins to differ."""


def apply(connection: Connection, outputs: Sequence[Output]) -> None:
    """Append entries within the caller's transaction.

    The last entry is read anew each time: whoever owns the tenant's partition is the only one who
    appends, and the positions, which moved before, see to it.  An entry that is there already is
    left out: an operator may have had a log read again from its beginning.
    """
    known = _known(connection, outputs)
    ends = _ends(connection, {entry.tenant_id for entry in outputs})
    rows = []
    for entry in outputs:
        assert isinstance(entry, AuditEntry), "the topic carries nothing else"
        if (key := (entry.tenant_id, entry.event_id)) in known:
            continue
        known.add(key)
        sequence, previous = ends.get(entry.tenant_id, (0, BEFORE_THE_FIRST))
        content = msgspec.to_builtins(entry)
        digest = _hash(previous, content)
        chained = {
            "sequence": sequence + 1,
            "entry": content,
            "previous_hash": "\\x" + previous.hex(),  # as Postgres writes bytea
            "hash": "\\x" + digest.hex(),
        }
        rows.append(_columns(entry) | chained)
        ends[entry.tenant_id] = (sequence + 1, digest)
    connection.execute(_APPEND, [as_json(rows)])


def tidy(_connection: Connection, /) -> None:
    """Nothing can wait."""


def verify(connection: Connection, tenant_id: str) -> int:
    """Follow a tenant's chain from its first entry; say how many entries it has.

    Raises:
        BrokenChainError: an entry was changed, left out, or put in.
    """
    expected, previous = 1, BEFORE_THE_FIRST
    with connection.transaction(), connection.cursor(name="chain", row_factory=dict_row) as chain:
        for stored in chain.execute(_CHAIN, [tenant_id]):
            _verify_entry(stored, tenant_id, expected, previous)
            expected, previous = expected + 1, stored["hash"]
    return expected - 1


def _verify_entry(stored: dict[str, Any], tenant_id: str, expected: int, previous: bytes) -> None:
    if stored["sequence"] != expected:
        raise BrokenChainError(f"Entry {expected} of {tenant_id} is missing.")
    content = stored["entry"]
    try:
        columns = _columns(msgspec.convert(content, AuditEntry))
    except msgspec.ValidationError as error:
        raise BrokenChainError(
            f"Entry {expected} of {tenant_id} is no audit entry any more: {error}."
        ) from error
    written = columns | {
        "tenant_id": tenant_id,
        "sequence": expected,
        "entry": content,
        "previous_hash": previous,
        "hash": _hash(previous, content),
    }
    if stored != written:
        names = ", ".join(name for name in written if stored[name] != written[name])
        raise BrokenChainError(
            f"Entry {expected} of {tenant_id} or one before it was changed; what does not fit:"
            f" {names}."
        )


def _known(connection: Connection, outputs: Sequence[Output]) -> set[tuple[str, str]]:
    tenants = [entry.tenant_id for entry in outputs]
    entries = [entry.event_id for entry in outputs]
    return {(tenant, entry) for tenant, entry in connection.execute(_KNOWN, [tenants, entries])}


def _ends(connection: Connection, tenants: Iterable[str]) -> dict[str, tuple[int, bytes]]:
    rows = connection.execute(_LAST, [sorted(tenants)])
    return {tenant_id: (sequence, digest) for tenant_id, sequence, digest in rows}


def _columns(entry: AuditEntry) -> dict[str, Any]:
    """What stands beside the entry, to be asked for."""
    return {
        "tenant_id": entry.tenant_id,
        "entry_id": entry.event_id,
        "decision": entry.decision,
        "subject": entry.subject,
        "actor": entry.actor,
        "member_id": entry.member.member_id if entry.member else None,
        "role_from": entry.access_from.role if entry.access_from else None,
        "role_to": entry.access_to.role if entry.access_to else None,
        "sentence": entry.sentence,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
    }


def _hash(previous: bytes, content: object) -> bytes:
    return hashlib.sha256(previous + msgspec.json.encode(content, order="sorted")).digest()
