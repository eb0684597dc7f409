"""Sessions and API keys: a reference store for products that have none of their own."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, Table, and_, case, func, insert, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from ingest.api.parameters import Body, MemberId, TenantId, Text
from ingest.database import Database
from ingest.refusals import NoAccessError, NotFoundError
from schemas.read_models import api_key, member, member_cutoff, session


class Label(Body):
    """What people call a session or API key."""

    label: Text


class Session(BaseModel):
    """A login."""

    session_id: str
    label: str
    created_at: datetime


class ApiKey(BaseModel):
    """An API key; its secret is the product's."""

    key_id: str
    label: str
    created_at: datetime
    revoked_at: datetime | None


class SessionList(BaseModel):
    """A member's valid sessions, the newest first."""

    sessions: list[Session]


class ApiKeyList(BaseModel):
    """A member's API keys, revoked ones included, the newest first."""

    api_keys: list[ApiKey]


class Sessions:
    """The URLs about sessions and API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, tenant_id: TenantId, member_id: MemberId, body: Label) -> Session:
        """Record a login; 409 if the member has no access."""
        new = {"session_id": str(uuid.uuid4()), "label": body.label}
        with self._database.tenant(tenant_id) as connection:
            return Session(**_insert(connection, session, tenant_id, member_id, new))

    def valid(self, tenant_id: TenantId, member_id: MemberId) -> SessionList:
        """List the sessions that were made after the member's cut-off."""
        with self._database.tenant(tenant_id) as connection:
            _standing(connection, tenant_id, member_id)
            return SessionList(sessions=valid_sessions(connection, tenant_id, member_id))

    def make_key(self, tenant_id: TenantId, member_id: MemberId, body: Label) -> ApiKey:
        """Record an API key; 409 if the member has no access."""
        new = {"key_id": str(uuid.uuid4()), "label": body.label}
        with self._database.tenant(tenant_id) as connection:
            return ApiKey(**_insert(connection, api_key, tenant_id, member_id, new))

    def keys(self, tenant_id: TenantId, member_id: MemberId) -> ApiKeyList:
        """List a member's API keys."""
        with self._database.tenant(tenant_id) as connection:
            _standing(connection, tenant_id, member_id)
            return ApiKeyList(api_keys=api_keys(connection, tenant_id, member_id))


def valid_sessions(connection: Connection, tenant_id: str, member_id: str) -> list[Session]:
    """The sessions of a member that still count.

    A login that the cut-off overtook leaves a row with a revision from before it: it is void.
    """
    columns, cutoff = session.c, member_cutoff.c
    query = (
        select(columns.session_id, columns.label, columns.created_at)
        .select_from(session.outerjoin(member_cutoff, _same_member(columns)))
        .where(columns.tenant_id == tenant_id, columns.member_id == member_id)
        .where(columns.member_revision > func.coalesce(cutoff.login_revision, -1))
        .order_by(columns.created_at.desc(), columns.session_id)
    )
    return [Session(**row) for row in connection.execute(query).mappings()]


def api_keys(connection: Connection, tenant_id: str, member_id: str) -> list[ApiKey]:
    """The API keys of a member; one that a cut-off overtook is revoked since then."""
    columns, cutoff = api_key.c, member_cutoff.c
    overtaken = columns.member_revision <= cutoff.login_revision
    revoked_at = func.coalesce(columns.revoked_at, case((overtaken, cutoff.login_cutoff)))
    query = (
        select(columns.key_id, columns.label, columns.created_at, revoked_at.label("revoked_at"))
        .select_from(api_key.outerjoin(member_cutoff, _same_member(columns)))
        .where(columns.tenant_id == tenant_id, columns.member_id == member_id)
        .order_by(columns.created_at.desc(), columns.key_id)
    )
    return [ApiKey(**row) for row in connection.execute(query).mappings()]


def _insert(
    connection: Connection, table: Table, tenant_id: str, member_id: str, new: dict[str, str]
) -> dict[str, Any]:
    """Insert a row for a member who has access, and return it.

    It carries the member's revision: a cut-off of a later one makes it void, whichever of the two
    transactions commits first.
    """
    standing, revision = _standing(connection, tenant_id, member_id)
    if standing == "none":
        raise NoAccessError
    made = (
        insert(table)
        .values(tenant_id=tenant_id, member_id=member_id, member_revision=revision, **new)
        .values(created_at=func.now())
        .returning(table)
    )
    return dict(connection.execute(made).mappings().one())


def _standing(connection: Connection, tenant_id: str, member_id: str) -> tuple[str, int]:
    """A member's standing and revision; a cut-off that directory_view has yet to show counts."""
    columns, cutoff = member.c, member_cutoff.c
    overtaken = cutoff.login_revision > columns.revision
    query = (
        select(case((overtaken, "none"), else_=columns.standing), columns.revision)
        .select_from(member.outerjoin(member_cutoff, _same_member(columns)))
        .where(columns.tenant_id == tenant_id, columns.member_id == member_id)
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        raise NotFoundError("There is no such member: look for them in the tenant's members.")
    standing, revision = found
    return standing, revision


def _same_member(columns: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    cutoff = member_cutoff.c
    return and_(cutoff.tenant_id == columns.tenant_id, cutoff.member_id == columns.member_id)
