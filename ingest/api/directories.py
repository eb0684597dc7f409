"""Directories: the links from a tenant's IdP."""

from pydantic import BaseModel
from sqlalchemy import select
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, DirectoryId, Id, TenantId, Text
from ingest.assignments import Assignments
from ingest.database import Database
from ingest.directories import DirectoryOwners
from ingest.refusals import DirectoryTakenError
from schemas.origin import OnDisconnect, Provider
from schemas.read_models import directory, directory_owner
from schemas.settings_changes import CreateDirectory, SetDirectory


class NewDirectory(Body):
    """A WorkOS directory to give to a tenant."""

    directory_id: Id
    name: Text
    provider: Provider = "generic"


class DirectorySettings(Body):
    """What the end of a directory is to mean for its people."""

    on_disconnect: OnDisconnect


class Directory(BaseModel):
    """A directory as it stands."""

    directory_id: str
    name: str
    provider: str
    kind: str
    connected: bool
    on_disconnect: OnDisconnect


class DirectoryList(BaseModel):
    """A tenant's directories, sorted by id."""

    directories: list[Directory]


class Directories:
    """The URLs about directories."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        owners: DirectoryOwners,
        assignments: Assignments,
    ) -> None:
        self._database = database
        self._changes = changes
        self._owners = owners
        self._assignments = assignments

    async def create(self, tenant_id: TenantId, body: NewDirectory) -> JSONResponse:
        """Give a directory to a tenant, with all that waited for it; 409 if it is another's.

        Only the door can say so: processors see one tenant at a time.
        """
        if await self._owners.owner(body.directory_id) not in {None, tenant_id}:
            raise DirectoryTakenError
        change = CreateDirectory(
            tenant_id=tenant_id,
            directory_id=body.directory_id,
            name=body.name,
            provider=body.provider,
            **asked_now(),
        )
        answer = await self._changes.settle(change)
        # Two tenants may have asked at once; the first one that directory_view saw has it.
        if await self._owners.owner(body.directory_id) not in {None, tenant_id}:
            raise DirectoryTakenError
        self._assignments.wake()
        return answer

    async def set(
        self, tenant_id: TenantId, directory_id: DirectoryId, body: DirectorySettings
    ) -> JSONResponse:
        """Say what the end of a directory means for its people."""
        change = SetDirectory(
            tenant_id=tenant_id,
            directory_id=directory_id,
            on_disconnect=body.on_disconnect,
            **asked_now(),
        )
        return await self._changes.settle(change)

    def every(self, tenant_id: TenantId) -> DirectoryList:
        """List a tenant's directories."""
        columns, owned = directory.c, directory_owner
        query = (
            select(*(columns[name] for name in Directory.model_fields))
            .join_from(directory, owned, owned.c.directory_id == columns.directory_id)
            .where(columns.tenant_id == tenant_id, owned.c.tenant_id == tenant_id)
            .order_by(columns.directory_id)
        )
        with self._database.tenant(tenant_id) as connection:
            rows = connection.execute(query).mappings()
            return DirectoryList(directories=[Directory(**row) for row in rows])
