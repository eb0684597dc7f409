"""Groups of a directory: what a mapping can hang on."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import and_, func, select

from ingest.api.mappings import GrantedWorkspace
from ingest.api.parameters import DirectoryId, Filters, Id, TenantId, Text
from ingest.database import Database, require_directory
from schemas.read_models import directory_group, group_mapping, membership


class Group(BaseModel):
    """A group as its IdP names it, and what it grants."""

    group_id: str
    """What a mapping names."""
    name: str
    members: int
    role: str | None
    workspaces: list[GrantedWorkspace]


class GroupPage(BaseModel):
    """Groups by id; `after` asks for the next page, null after the last."""

    groups: list[Group]
    after: str | None


class GroupFilters(Filters):
    """Which groups; all of them without a filter."""

    name: Text | None = None
    """The whole name, in any case."""
    after: Id | None = None


class Groups:
    """The URL about a directory's groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        tenant_id: TenantId,
        directory_id: DirectoryId,
        filters: Annotated[GroupFilters, Query()],
    ) -> GroupPage:
        """List the groups that a directory has sent."""
        group, mapping, edge = directory_group.c, group_mapping.c, membership.c
        mapped = and_(
            mapping.tenant_id == group.tenant_id,
            mapping.directory_id == group.directory_id,
            mapping.group_id == group.group_id,
        )
        within = (
            select(func.count())
            .where(edge.tenant_id == group.tenant_id, edge.directory_id == group.directory_id)
            .where(edge.group_id == group.group_id)
            .scalar_subquery()
        )
        query = (
            select(
                group.group_id,
                group.name,
                within.label("members"),
                mapping.role,
                func.coalesce(mapping.workspaces, func.jsonb_build_array()).label("workspaces"),
            )
            .select_from(directory_group.outerjoin(group_mapping, mapped))
            .where(group.tenant_id == tenant_id, group.directory_id == directory_id)
            .where(group.deleted.is_not(True))
            .order_by(group.group_id)
            .limit(filters.limit + 1)
        )
        if filters.name is not None:
            query = query.where(func.lower(group.name) == func.lower(filters.name))
        if filters.after is not None:
            query = query.where(group.group_id > filters.after)
        with self._database.tenant(tenant_id) as connection:
            require_directory(connection, tenant_id, directory_id)
            found = [Group(**row) for row in connection.execute(query).mappings()]
        shown = found[: filters.limit]
        return GroupPage(
            groups=shown, after=shown[-1].group_id if len(found) > len(shown) else None
        )
