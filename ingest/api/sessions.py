"""Sessions and API keys: a reference store for products that have none of their own."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Table, and_, func, insert, or_, select

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

    A login between the cut-off and its deletion leaves a row that was made too early: it is void.
    """
    columns, cutoff = session.c, member_cutoff.c
    same_member = and_(cutoff.tenant_id == columns.tenant_id, cutoff.member_id == columns.member_id)
    query = (
        select(columns.session_id, columns.label, columns.created_at)
        .select_from(session.outerjoin(member_cutoff, same_member))
        .where(columns.tenant_id == tenant_id, columns.member_id == member_id)
        .where(or_(cutoff.login_cutoff.is_(None), columns.created_at > cutoff.login_cutoff))
        .order_by(columns.created_at.desc(), columns.session_id)
    )
    return [Session(**row) for row in connection.execute(query).mappings()]


def api_keys(connection: Connection, tenant_id: str, member_id: str) -> list[ApiKey]:
    """The API keys of a member."""
    columns = api_key.c
    query = (
        select(columns.key_id, columns.label, columns.created_at, columns.revoked_at)
        .where(columns.tenant_id == tenant_id, columns.member_id == member_id)
        .order_by(columns.created_at.desc(), columns.key_id)
    )
    return [ApiKey(**row) for row in connection.execute(query).mappings()]


def _insert(
    connection: Connection, table: Table, tenant_id: str, member_id: str, new: dict[str, str]
) -> dict[str, Any]:
    """Insert a row for a member who has access, and return it.

    It is made at the clock's time, not at its transaction's: a cut-off that was written in between
    must be the earlier one only if it really was.
    """
    if _standing(connection, tenant_id, member_id) == "none":
        raise NoAccessError
    owner = {"tenant_id": tenant_id, "member_id": member_id}
    made = insert(table).values(**owner, **new, created_at=func.clock_timestamp()).returning(table)
    return dict(connection.execute(made).mappings().one())


def _standing(connection: Connection, tenant_id: str, member_id: str) -> str:
    columns = member.c
    query = select(columns.standing).where(
        columns.tenant_id == tenant_id, columns.member_id == member_id
    )
    standing: str | None = connection.execute(query).scalar()
    if standing is None:
        raise NotFoundError("There is no such member: look for them in the tenant's members.")
    return standing
