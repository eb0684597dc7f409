"""A member's row: the fold of its access events."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, assert_never

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from schemas.access import NO_ACCESS, Access, Standing, WorkspaceGrant
from schemas.events import (
    AccessEvent,
    MemberDeactivated,
    MemberProfileChanged,
    MemberProvisioned,
    MemberReactivated,
    MemberRoleChanged,
    MemberWorkspacesChanged,
)
from schemas.origin import Attribute
from schemas.read_models import member, member_workspace
from sinks.rows import as_json, delete, insert_missing, upsert

_READ: Final = """
    SELECT member.* FROM member
    JOIN json_populate_recordset(NULL::member, %s::json) AS asked USING (tenant_id, member_id)
"""

Key = tuple[str, str]
"""Tenant id and member id."""


class MemberRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `member`, and the member's rows of `member_workspace` where they change."""

    tenant_id: str
    member_id: str
    product_id: str | None = None
    external_ids: tuple[str, ...] = ()
    email: str | None = None
    display_name: str = ""
    attributes: dict[str, Attribute] = {}
    standing: Standing = "none"
    role: str | None = None
    revision: int = 0
    changed_at: datetime
    workspaces: tuple[WorkspaceGrant, ...] | None = None
    """None: those in the table."""


def fold(row: MemberRow | None, event: AccessEvent) -> MemberRow:
    """The row after an event; an event that is no newer than the row changes nothing."""
    about = event.member
    if row is None:
        row = MemberRow(
            tenant_id=event.tenant_id, member_id=about.member_id, changed_at=event.recorded_at
        )
    if event.revision <= row.revision:
        return row
    return msgspec.structs.replace(
        row,
        product_id=about.product_id,
        external_ids=about.external_ids,
        email=about.email,
        display_name=about.display_name,
        revision=event.revision,
        changed_at=event.recorded_at,
        **_changes(event),
    )


def write(connection: Connection, events: Sequence[AccessEvent]) -> None:
    """Fold events, in the log's order, into the rows of their members."""
    if not events:
        return
    keys = {(event.tenant_id, event.member.member_id) for event in events}
    before = _read(connection, keys)
    rows: dict[Key, MemberRow] = {}
    for event in events:
        key = (event.tenant_id, event.member.member_id)
        rows[key] = fold(rows.get(key) or before.get(key), event)
    changed = [row for key, row in rows.items() if row is not before.get(key)]
    upsert(connection, member, changed)
    moved = [row for row in changed if row.workspaces is not None]
    delete(connection, member_workspace, moved, "tenant_id", "member_id")
    insert_missing(connection, member_workspace, _workspace_rows(moved))


def _changes(event: AccessEvent) -> dict[str, Any]:
    match event:
        case MemberProvisioned():
            return _access(event.access) | {"attributes": event.attributes}
        case MemberReactivated():
            return _access(event.access)
        case MemberDeactivated():
            return _access(NO_ACCESS)
        case MemberProfileChanged():
            return {"attributes": event.attributes}
        case MemberRoleChanged():
            return {"role": event.role_to}
        case MemberWorkspacesChanged():
            return {"workspaces": event.workspaces_to}
        case _:
            assert_never(event)


def _access(access: Access) -> dict[str, Any]:
    return {
        "standing": access.standing,
        "role": access.role,
        "workspaces": access.workspaces,
    }


def _read(connection: Connection, keys: Iterable[Key]) -> dict[Key, MemberRow]:
    asked = [{"tenant_id": tenant_id, "member_id": member_id} for tenant_id, member_id in keys]
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_READ, [as_json(asked)]).fetchall()
    found = msgspec.convert(rows, list[MemberRow])
    return {(row.tenant_id, row.member_id): row for row in found}


def _workspace_rows(rows: Iterable[MemberRow]) -> list[dict[str, Any]]:
    return [
        {
            "tenant_id": row.tenant_id,
            "member_id": row.member_id,
            "workspace": grant.workspace,
            "role": grant.role,
        }
        for row in rows
        for grant in row.workspaces or ()
    ]
