"""The read models: what every directory and every member looks like now, and who waits for what.

Of the messages of a batch only the last about a row is written.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from psycopg import Connection
from sqlalchemy import Table

from schemas import limits, read_models, scim_models
from schemas.codec import Output
from schemas.events import AccessEvent
from schemas.recorded import (
    ChangeSettled,
    DirectoryRecorded,
    DomainRecorded,
    GroupRecorded,
    HoldRecorded,
    ManualRecorded,
    MappingRecorded,
    MembershipRecorded,
    RoleRecorded,
    TenantRecorded,
    TokenRecorded,
    UserRecorded,
    WarningRecorded,
    WorkspaceRecorded,
)
from schemas.topics import ACCESS_EVENTS, DIRECTORY_EVENTS
from sinks import members
from sinks.rows import as_json, delete, insert_missing, upsert

PRUNE_SECONDS: Final = 60.0
"""How often outcomes that nobody will ask for any more are deleted."""

_TABLES: Final[dict[type, Table]] = {
    TenantRecorded: read_models.tenant,
    RoleRecorded: read_models.role,
    WorkspaceRecorded: read_models.workspace,
    DirectoryRecorded: read_models.directory,
    UserRecorded: read_models.directory_user,
    GroupRecorded: read_models.directory_group,
    MappingRecorded: read_models.group_mapping,
    MembershipRecorded: read_models.membership,
    TokenRecorded: scim_models.scim_token,
    HoldRecorded: scim_models.hold,
    WarningRecorded: scim_models.directory_warning,
    ManualRecorded: scim_models.manual_member,
    DomainRecorded: scim_models.domain,
}
"""Where each event stands; its fields are named like the columns."""

_SETTLE: Final = """
    WITH settled AS (
        INSERT INTO outcome (tenant_id, change_id, status, body, settled_at)
        SELECT tenant_id, change_id, status, body, now()
        FROM json_populate_recordset(NULL::outcome, %(rows)s::json)
        ON CONFLICT (tenant_id, change_id) DO UPDATE
        SET status = excluded.status, body = excluded.body, settled_at = excluded.settled_at
        RETURNING change_id
    )
    SELECT pg_notify(%(channel)s, change_id) FROM settled
"""
_PRUNE: Final = "DELETE FROM outcome WHERE settled_at < now() - make_interval(hours => %s)"


class DirectoryView:
    """Keeps nothing but when it last pruned."""

    topics: Final = (DIRECTORY_EVENTS, ACCESS_EVENTS)
    """What this sink reads."""

    def __init__(self) -> None:
        self._pruned_at = time.monotonic()

    def apply(self, connection: Connection, outputs: Sequence[Output]) -> None:
        """Write rows within the caller's transaction; its commit wakes who waits for a change."""
        _write_rows(connection, outputs)
        _claim(connection, [event for event in outputs if isinstance(event, DirectoryRecorded)])
        members.write(connection, [event for event in outputs if isinstance(event, AccessEvent)])
        settled = [event for event in outputs if isinstance(event, ChangeSettled)]
        if settled:
            _advance(connection, settled)
            _settle(connection, settled)

    def tidy(self, connection: Connection, /) -> None:
        """Delete outcomes that nobody will ask for any more."""
        if time.monotonic() - self._pruned_at >= PRUNE_SECONDS:
            self._pruned_at = time.monotonic()
            connection.execute(_PRUNE, [limits.OUTCOME_KEPT_HOURS])


def _write_rows(connection: Connection, outputs: Sequence[Output]) -> None:
    latest: dict[Table, dict[tuple[str, ...], Output]] = defaultdict(dict)
    for event in outputs:
        if (table := _TABLES.get(type(event))) is not None:
            key = tuple(getattr(event, column.name) for column in table.primary_key)
            latest[table][key] = event
    for table, events in latest.items():
        gone = [event for event in events.values() if _is_gone(event)]
        upsert(connection, table, [event for event in events.values() if not _is_gone(event)])
        delete(connection, table, gone, *table.primary_key.columns.keys())


def _is_gone(event: Output) -> bool:
    """Whether the row goes, too.  Deleted users and groups stay, and say so."""
    match event:
        case MembershipRecorded():
            return not event.present
        case HoldRecorded():
            return event.reason is None
        case DomainRecorded():
            return event.proof is None
        case _:
            return False


def _claim(connection: Connection, events: Iterable[DirectoryRecorded]) -> None:
    """The first tenant keeps a directory."""
    # Sorted: another process may claim some of them for other tenants; no deadlock then.
    claims = sorted(events, key=lambda event: event.directory_id)
    insert_missing(connection, read_models.directory_owner, claims)


def _advance(connection: Connection, events: Iterable[ChangeSettled]) -> None:
    """Note up to where SCIM directories are told; in the log their revisions grow."""
    latest = {
        (event.tenant_id, event.directory_id): event for event in events if event.directory_id
    }
    upsert(connection, scim_models.directory_revision, latest.values())


def _settle(connection: Connection, events: Iterable[ChangeSettled]) -> None:
    rows = {
        event.cause: {
            "tenant_id": event.tenant_id,
            "change_id": event.cause,
            "status": event.status,
            "body": event.body,
        }
        for event in events
    }
    arguments = {"rows": as_json(rows.values()), "channel": read_models.OUTCOME_CHANNEL}
    connection.execute(_SETTLE, arguments)
