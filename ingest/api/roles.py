"""Roles: what a tenant's members can be, and which wins."""

from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, RoleSlug, TenantId
from ingest.database import Database
from schemas.read_models import role
from schemas.settings_changes import SetRole

_HIGHEST_RANK = (1 << 31) - 1  # what the column can hold


class RoleSettings(Body):
    """A role to make or to change."""

    rank: Annotated[int, Field(ge=-_HIGHEST_RANK, le=_HIGHEST_RANK)]
    """The highest rank among a member's roles wins."""
    is_admin: bool = False
    is_default: bool = False
    """The role of active people in no mapped group."""


class Role(BaseModel):
    """A role as it stands."""

    slug: str
    rank: int
    is_admin: bool


class SettledRole(Role):
    """A role that was set."""

    is_default: bool


class RoleList(BaseModel):
    """A tenant's roles, the highest rank first."""

    roles: list[Role]


class Roles:
    """The URLs about roles."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def set(self, tenant_id: TenantId, slug: RoleSlug, body: RoleSettings) -> JSONResponse:
        """Make a role, or change it: members are ranked anew."""
        change = SetRole(
            tenant_id=tenant_id,
            slug=slug,
            rank=body.rank,
            is_admin=body.is_admin,
            is_default=body.is_default,
            **asked_now(),
        )
        return await self._changes.settle(change)

    def every(self, tenant_id: TenantId) -> RoleList:
        """List a tenant's roles."""
        query = (
            select(role.c.slug, role.c.rank, role.c.is_admin)
            .where(role.c.tenant_id == tenant_id)
            .order_by(role.c.rank.desc(), role.c.slug)
        )
        with self._database.tenant(tenant_id) as connection:
            rows = connection.execute(query).mappings()
            return RoleList(roles=[Role(**row) for row in rows])
