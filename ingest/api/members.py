"""Members: who may do what now, and what the IdP says about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Connection, Select, and_, func, select

from ingest.api.parameters import Filters, Id, MemberId, Slug, TenantId, Text
from ingest.api.sessions import ApiKey, Session, api_keys, valid_sessions
from ingest.database import Database
from ingest.refusals import NotFoundError
from schemas.access import Standing
from schemas.read_models import (
    directory_group,
    directory_user,
    member,
    member_workspace,
    membership,
)
from schemas.scim_models import manual_member


class Grant(BaseModel):
    """A workspace of a member."""

    workspace: str
    role: str | None


class Member(BaseModel):
    """A person in the product."""

    member_id: str
    product_id: str | None
    external_ids: list[str]
    email: str | None
    display_name: str
    standing: str
    role: str | None
    workspaces: list[Grant]
    revision: int
    changed_at: datetime


class MemberPage(BaseModel):
    """Members by id; `after` asks for the next page, null after the last."""

    members: list[Member]
    after: str | None


class Group(BaseModel):
    """A directory group that a directory user is in."""

    group_id: str
    name: str


class DirectoryUser(BaseModel):
    """What an IdP says about the person."""

    directory_id: str
    user_id: str
    idp_id: str
    active: bool
    deleted: bool
    groups: list[Group]


class ManualGrants(BaseModel):
    """What the product says of the member; what directories say stands beside it."""

    product_id: str | None
    standing: str
    role: str | None
    workspaces: list[Grant]
    email: str | None
    display_name: str
    external_id: str | None
    joined_at: datetime | None
    protected: bool


class MemberDetail(Member):
    """A member with all that explains their access and all that it opened."""

    users: list[DirectoryUser]
    manual: ManualGrants | None
    """None where the product said nothing."""
    sessions: list[Session]
    api_keys: list[ApiKey]


class MemberFilters(Filters):
    """Which members; all of them without a filter."""

    role: Slug | None = None
    workspace: Slug | None = None
    standing: Standing | None = None
    email: Text | None = None
    after: Id | None = None


class Members:
    """The URLs about members."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, tenant_id: TenantId, filters: Annotated[MemberFilters, Query()]) -> MemberPage:
        """List a tenant's members."""
        query = _matching(tenant_id, filters).limit(filters.limit + 1)
        with self._database.tenant(tenant_id) as connection:
            members = _read(connection, tenant_id, query)
        shown = members[: filters.limit]
        return MemberPage(
            members=shown,
            after=shown[-1].member_id if len(members) > len(shown) else None,
        )

    def show(self, tenant_id: TenantId, member_id: MemberId) -> MemberDetail:
        """Show one member."""
        query = select(member).where(
            member.c.tenant_id == tenant_id, member.c.member_id == member_id
        )
        with self._database.tenant(tenant_id) as connection:
            found = _read(connection, tenant_id, query)
            if not found:
                raise NotFoundError("There is no such member: look for them in the members.")
            return MemberDetail(
                **found[0].model_dump(),
                users=_users(connection, tenant_id, member_id),
                manual=_manual(connection, tenant_id, member_id),
                sessions=valid_sessions(connection, tenant_id, member_id),
                api_keys=api_keys(connection, tenant_id, member_id),
            )


def _matching(tenant_id: str, filters: MemberFilters) -> Select[tuple[object, ...]]:
    columns = member.c
    query = select(member).where(columns.tenant_id == tenant_id).order_by(columns.member_id)
    if filters.role is not None:
        query = query.where(columns.role == filters.role)
    if filters.standing is not None:
        query = query.where(columns.standing == filters.standing)
    if filters.email is not None:
        query = query.where(func.lower(columns.email) == func.lower(filters.email))
    if filters.workspace is not None:
        granted = select(member_workspace.c.member_id).where(
            member_workspace.c.tenant_id == tenant_id,
            member_workspace.c.workspace == filters.workspace,
        )
        query = query.where(columns.member_id.in_(granted))
    if filters.after is not None:
        query = query.where(columns.member_id > filters.after)
    return query


def _read(
    connection: Connection, tenant_id: str, query: Select[tuple[object, ...]]
) -> list[Member]:
    rows = connection.execute(query).mappings().all()
    grants = _grants(connection, tenant_id, [row["member_id"] for row in rows])
    return [Member(**row, workspaces=grants.get(row["member_id"], [])) for row in rows]


def _grants(
    connection: Connection, tenant_id: str, member_ids: Sequence[str]
) -> dict[str, list[Grant]]:
    columns = member_workspace.c
    query = (
        select(columns.member_id, columns.workspace, columns.role)
        .where(columns.tenant_id == tenant_id, columns.member_id.in_(member_ids))
        .order_by(columns.member_id, columns.workspace)
    )
    grants: dict[str, list[Grant]] = {}
    for member_id, workspace, role in connection.execute(query):
        grants.setdefault(member_id, []).append(Grant(workspace=workspace, role=role))
    return grants


def _users(connection: Connection, tenant_id: str, member_id: str) -> list[DirectoryUser]:
    columns = directory_user.c
    query = (
        select(
            columns.directory_id,
            columns.user_id,
            columns.idp_id,
            columns.active,
            columns.deleted,
        )
        .where(columns.tenant_id == tenant_id, columns.member_id == member_id)
        .order_by(columns.directory_id, columns.user_id)
    )
    return [
        DirectoryUser(
            **row, groups=_groups(connection, tenant_id, row["directory_id"], row["user_id"])
        )
        for row in connection.execute(query).mappings().all()
    ]


def _manual(connection: Connection, tenant_id: str, member_id: str) -> ManualGrants | None:
    columns = manual_member.c
    query = select(*(columns[name] for name in ManualGrants.model_fields)).where(
        columns.tenant_id == tenant_id, columns.member_id == member_id
    )
    found = connection.execute(query).mappings().first()
    return None if found is None else ManualGrants(**found)


def _groups(connection: Connection, tenant_id: str, directory_id: str, user_id: str) -> list[Group]:
    edge, group = membership.c, directory_group.c
    same_group = and_(
        group.tenant_id == edge.tenant_id,
        group.directory_id == edge.directory_id,
        group.group_id == edge.group_id,
    )
    query = (
        select(edge.group_id, func.coalesce(group.name, edge.group_id).label("name"))
        .select_from(membership.outerjoin(directory_group, same_group))
        .where(edge.tenant_id == tenant_id, edge.directory_id == directory_id)
        .where(edge.user_id == user_id, group.deleted.is_not(True))
        .order_by(edge.group_id)
    )
    return [Group(**row) for row in connection.execute(query).mappings()]
