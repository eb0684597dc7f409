"""The audit log: what was decided, and why."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, select

from ingest.api.parameters import AuditedId, Filters, Id, Slug
from ingest.database import Database
from schemas.read_models import audit_entry


class Entry(BaseModel):
    """One decision."""

    sequence: int
    entry_id: str
    decision: str
    subject: str
    actor: str
    member_id: str | None
    role_from: str | None
    role_to: str | None
    sentence: str
    occurred_at: datetime
    recorded_at: datetime
    because: dict[str, Any]


class EntryPage(BaseModel):
    """Entries, the newest first; `before` asks for the next page, null after the last."""

    entries: list[Entry]
    before: int | None


class EntryFilters(Filters):
    """Which entries; all of them without a filter."""

    member: Id | None = None
    role_to: Slug | None = None
    since: Annotated[datetime | None, Field(description="ISO 8601; UTC if it names no zone.")] = (
        None
    )
    before: Annotated[int | None, Field(ge=1, lt=1 << 63)] = None


class Audit:
    """The URL of the audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, tenant_id: AuditedId, filters: Annotated[EntryFilters, Query()]) -> EntryPage:
        """List what was decided about a tenant, or what operators did to the installation."""
        query = _matching(tenant_id, filters).limit(filters.limit + 1)
        with self._database.tenant(tenant_id) as connection:
            entries = [Entry(**row) for row in connection.execute(query).mappings()]
        shown = entries[: filters.limit]
        return EntryPage(
            entries=shown,
            before=shown[-1].sequence if len(entries) > len(shown) else None,
        )


def _matching(tenant_id: str, filters: EntryFilters) -> Select[tuple[object, ...]]:
    columns = audit_entry.c
    names = [name for name in Entry.model_fields if name != "because"]
    query = (
        select(*(columns[name] for name in names), columns.entry["because"].label("because"))
        .where(columns.tenant_id == tenant_id)
        .order_by(columns.sequence.desc())
    )
    if filters.member is not None:
        query = query.where(columns.member_id == filters.member)
    if filters.role_to is not None:
        query = query.where(columns.role_to == filters.role_to)
    if filters.since is not None:
        since = filters.since if filters.since.tzinfo else filters.since.replace(tzinfo=UTC)
        query = query.where(columns.recorded_at >= since)
    if filters.before is not None:
        query = query.where(columns.sequence < filters.before)
    return query
