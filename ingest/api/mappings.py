"""Group mappings: what a directory group grants."""

from typing import Self

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import and_, select
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, DirectoryId, GroupId, Slug, TenantId
from ingest.database import Database
from schemas import limits
from schemas.access import WorkspaceGrant
from schemas.read_models import directory_group, group_mapping
from schemas.settings_changes import SetMapping


class GrantedWorkspace(Body):
    """A workspace, and the role in it if it is not the member's own."""

    workspace: Slug
    role: Slug | None = None


class MappingSettings(Body):
    """What a group is to grant; neither role nor workspaces: nothing."""

    role: Slug | None = None
    workspaces: tuple[GrantedWorkspace, ...] = Field(
        (), max_length=limits.WORKSPACES_PER_MAPPING, strict=False
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({grant.workspace for grant in self.workspaces}) < len(self.workspaces):
            raise ValueError("name each workspace once")
        return self


class SettledMapping(BaseModel):
    """A mapping that was set."""

    directory_id: str
    group_id: str
    role: str | None
    workspaces: list[GrantedWorkspace]


class Mapping(SettledMapping):
    """A mapping as it stands."""

    group_name: str | None
    """None for a group that the directory never reported."""


class MappingList(BaseModel):
    """A tenant's mappings, sorted by directory and group."""

    mappings: list[Mapping]


class Mappings:
    """The URLs about group mappings."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def set(
        self,
        tenant_id: TenantId,
        directory_id: DirectoryId,
        group_id: GroupId,
        body: MappingSettings,
    ) -> JSONResponse:
        """Say what a group grants: its members are evaluated anew."""
        grants = (WorkspaceGrant(grant.workspace, grant.role) for grant in body.workspaces)
        change = SetMapping(
            tenant_id=tenant_id,
            directory_id=directory_id,
            group_id=group_id,
            role=body.role,
            workspaces=tuple(sorted(grants)),
            **asked_now(),
        )
        return await self._changes.settle(change)

    def every(self, tenant_id: TenantId) -> MappingList:
        """List a tenant's mappings."""
        mapping, group = group_mapping.c, directory_group.c
        same_group = and_(
            group.tenant_id == mapping.tenant_id,
            group.directory_id == mapping.directory_id,
            group.group_id == mapping.group_id,
        )
        query = (
            select(
                mapping.directory_id,
                mapping.group_id,
                mapping.role,
                mapping.workspaces,
                group.name.label("group_name"),
            )
            .select_from(group_mapping.outerjoin(directory_group, same_group))
            .where(mapping.tenant_id == tenant_id)
            .order_by(mapping.directory_id, mapping.group_id)
        )
        with self._database.tenant(tenant_id) as connection:
            rows = connection.execute(query).mappings()
            return MappingList(mappings=[Mapping(**row) for row in rows])
