"""Workspaces: parts of the product that mappings grant."""

from pydantic import BaseModel
from sqlalchemy import select
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, Slug, TenantId, Text
from ingest.database import Database
from schemas.read_models import workspace
from schemas.settings_changes import CreateWorkspace


class NewWorkspace(Body):
    """A workspace to make."""

    slug: Slug
    name: Text


class Workspace(BaseModel):
    """A workspace as it stands."""

    slug: str
    name: str


class WorkspaceList(BaseModel):
    """A tenant's workspaces, sorted by slug."""

    workspaces: list[Workspace]


class Workspaces:
    """The URLs about workspaces."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def create(self, tenant_id: TenantId, body: NewWorkspace) -> JSONResponse:
        """Make a workspace."""
        change = CreateWorkspace(tenant_id=tenant_id, slug=body.slug, name=body.name, **asked_now())
        return await self._changes.settle(change)

    def every(self, tenant_id: TenantId) -> WorkspaceList:
        """List a tenant's workspaces."""
        query = (
            select(workspace.c.slug, workspace.c.name)
            .where(workspace.c.tenant_id == tenant_id)
            .order_by(workspace.c.slug)
        )
        with self._database.tenant(tenant_id) as connection:
            rows = connection.execute(query).mappings()
            return WorkspaceList(workspaces=[Workspace(**row) for row in rows])
