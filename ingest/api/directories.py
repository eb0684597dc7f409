"""Directories: the links from a tenant's IdP."""

from pydantic import BaseModel
from sqlalchemy import select
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, Id, TenantId, Text
from ingest.database import Database
from ingest.directories import DirectoryOwners
from ingest.refusals import DirectoryTakenError
from schemas.changes import CreateDirectory, Provider
from schemas.read_models import directory, directory_owner


class NewDirectory(Body):
    """A WorkOS directory to give to a tenant."""

    directory_id: Id
    name: Text
    provider: Provider = "generic"


class Directory(BaseModel):
    """A directory as it stands."""

    directory_id: str
    name: str
    provider: str
    kind: str


class DirectoryList(BaseModel):
    """A tenant's directories, sorted by id."""

    directories: list[Directory]


class Directories:
    """The URLs about directories."""

    def __init__(self, database: Database, changes: Changes, owners: DirectoryOwners) -> None:
        self._database = database
        self._changes = changes
        self._owners = owners

    async def create(self, tenant_id: TenantId, body: NewDirectory) -> JSONResponse:
        """Give a directory to a tenant; 409 if it is another's.

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
        return answer

    def every(self, tenant_id: TenantId) -> DirectoryList:
        """List a tenant's directories."""
        columns, owned = directory.c, directory_owner
        query = (
            select(columns.directory_id, columns.name, columns.provider, columns.kind)
            .join_from(directory, owned, owned.c.directory_id == columns.directory_id)
            .where(columns.tenant_id == tenant_id, owned.c.tenant_id == tenant_id)
            .order_by(columns.directory_id)
        )
        with self._database.tenant(tenant_id) as connection:
            rows = connection.execute(query).mappings()
            return DirectoryList(directories=[Directory(**row) for row in rows])
