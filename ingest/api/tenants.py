"""Tenants: the customers."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import select
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, Slug, Text
from ingest.database import Database
from schemas.policy import Breaker, Linked, SoleAdmin
from schemas.read_models import tenant
from schemas.settings_changes import CreateTenant

Urn = Annotated[str, StringConstraints(pattern=r"^urn:[A-Za-z0-9:._-]{3,200}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]


class OwnAttribute(Body):
    """An attribute of people that is kept besides those of the core and enterprise User."""

    schema_: Urn = Field(alias="schema")
    name: Name
    type: Literal["string", "boolean", "integer", "decimal"] = "string"


class NewTenant(Body):
    """A tenant to open."""

    tenant_id: Slug
    name: Text


class Tenant(BaseModel):
    """A tenant as it stands."""

    tenant_id: str
    name: str
    default_role: str | None
    sole_admin: SoleAdmin
    breaker: Breaker
    linked: Linked
    own_attributes: list[OwnAttribute]
    kept_as_sent: list[str]


class TenantList(BaseModel):
    """Every tenant, sorted by id."""

    tenants: list[Tenant]


class Tenants:
    """The URLs about tenants."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def create(self, body: NewTenant) -> JSONResponse:
        """Open a tenant; the same again is 200, a taken id is 409."""
        change = CreateTenant(tenant_id=body.tenant_id, name=body.name, **asked_now())
        return await self._changes.settle(change)

    def every(self) -> TenantList:
        """List every tenant."""
        query = select(tenant).order_by(tenant.c.tenant_id)
        with self._database.across_tenants() as connection:
            rows = connection.execute(query).mappings()
            return TenantList(tenants=[Tenant(**row) for row in rows])
