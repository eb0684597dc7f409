"""Directories: the links from a tenant's IdP."""

import secrets
from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, model_validator
from sqlalchemy import select
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, DirectoryId, Id, TenantId, Text
from ingest.assignments import Assignments
from ingest.database import Database, require_directory
from ingest.directories import DirectoryOwners
from ingest.refusals import DirectoryTakenError
from schemas import ids
from schemas.origin import Kind, Mode, OnDisconnect, Provider
from schemas.read_models import directory, directory_owner
from schemas.scim_models import directory_warning
from schemas.settings_changes import CreateDirectory, DisconnectDirectory, SetDirectory


class NewDirectory(Body):
    """A WorkOS directory to give to a tenant, or a SCIM directory to make."""

    directory_id: Id | None = None
    """Of `workos`: its id there.  Of `scim`: left out, since we make it."""
    name: Text
    provider: Provider = "generic"
    kind: Kind = "workos"
    replaces: Id | None = None
    """Another directory with the same people: they are linked to its members.
    It is in mode testing until it is switched to."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.kind == "workos") != (self.directory_id is not None):
            raise ValueError(
                "a directory of kind workos has its directory_id there, others get one"
            )
        return self


class DirectorySettings(Body):
    """How a directory's word counts; what is left out stays as it is."""

    on_disconnect: OnDisconnect | None = None
    mode: Mode | None = None
    replaces: Id | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.on_disconnect is None and self.mode is None and self.replaces is None:
            raise ValueError("set on_disconnect, mode or replaces")
        return self


class Directory(BaseModel):
    """A directory as it stands."""

    directory_id: str
    name: str
    provider: str
    kind: str
    mode: Mode
    connected: bool
    on_disconnect: OnDisconnect
    ended_at: datetime | None
    replaces: str | None
    replaced_by: str | None


class DirectoryList(BaseModel):
    """A tenant's directories, sorted by id."""

    directories: list[Directory]


class DirectoryWarning(BaseModel):
    """Something that the directory's administrators should know."""

    kind: str
    """`unknown_member`: the IdP puts somebody into a group whom it did not send.
    `ignored_attribute`: it sends an attribute that is not kept."""
    what: str
    """The group's id, or the attribute's name."""
    recorded_at: datetime


class DirectoryWarningList(BaseModel):
    """What a directory's administrators should know, newest first."""

    warnings: list[DirectoryWarning]


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
        """Make a SCIM directory; or give a WorkOS one to a tenant, with all that waited for it.

        409 if it is another tenant's.  Only the door can say so: processors see one at a time.
        """
        directory_id = body.directory_id or _new_id()
        await self._require_free(tenant_id, directory_id)
        change = CreateDirectory(
            tenant_id=tenant_id,
            directory_id=directory_id,
            name=body.name,
            provider=body.provider,
            kind=body.kind,
            replaces=body.replaces,
            **asked_now(),
        )
        answer = await self._changes.settle(change)
        # Two tenants may have asked at once; the first one that directory_view saw has it.
        await self._require_free(tenant_id, directory_id)
        self._assignments.wake()
        return answer

    async def set(
        self, tenant_id: TenantId, directory_id: DirectoryId, body: DirectorySettings
    ) -> JSONResponse:
        """Say how a directory's word counts, and what its end means for its people."""
        change = SetDirectory(
            tenant_id=tenant_id,
            directory_id=directory_id,
            on_disconnect=body.on_disconnect,
            mode=body.mode,
            replaces=body.replaces,
            **asked_now(),
        )
        return await self._changes.settle(change)

    async def disconnect(self, tenant_id: TenantId, directory_id: DirectoryId) -> JSONResponse:
        """End a SCIM directory: its tokens are refused, and its people keep or lose access."""
        change = DisconnectDirectory(tenant_id=tenant_id, directory_id=directory_id, **asked_now())
        return await self._changes.settle(change)

    async def _require_free(self, tenant_id: str, directory_id: str) -> None:
        owner = await self._owners.owner(directory_id)
        if owner is not None and owner.tenant_id != tenant_id:
            raise DirectoryTakenError

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

    def warnings(self, tenant_id: TenantId, directory_id: DirectoryId) -> DirectoryWarningList:
        """List what the IdP sends that is not kept or not known."""
        columns = directory_warning.c
        query = (
            select(columns.kind, columns.what, columns.recorded_at)
            .where(columns.tenant_id == tenant_id, columns.directory_id == directory_id)
            .order_by(columns.recorded_at.desc(), columns.kind, columns.what)
        )
        with self._database.tenant(tenant_id) as connection:
            require_directory(connection, tenant_id, directory_id)
            rows = connection.execute(query).mappings()
            return DirectoryWarningList(warnings=[DirectoryWarning(**row) for row in rows])


def _new_id() -> str:
    return ids.ordered(datetime.now(UTC), secrets.token_hex(16))
