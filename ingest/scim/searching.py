"""Searches: SCIM's filters and orders as one query over the read model of a directory."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from scim2_models import (
    NotImplementedException,
    Resource,
    ResourceType,
    ScimProvider,
    SearchRequest,
)
from scim2_server.storage import SearchPage
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import ClauseElement

from ingest.scim import documents
from ingest.scim.columns import Columns, Entries
from ingest.scim.filters import matching
from ingest.scim.lookups import lookup_of
from ingest.scim.projection import RELATED, wants
from ingest.scim.reading import Found, Reading, Related
from ingest.scim.resources import model_of
from ingest.scim.sorting import ordered
from schemas import limits
from schemas.read_models import directory_group, directory_user, membership

_FARTHEST: Final = 2**31  # what a database counts to
_DIALECT: Final = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's
_TENANT: Final[BindParameter[str]] = bindparam("tenant_id", None, Text)
_DIRECTORY: Final[BindParameter[str]] = bindparam("directory_id", None, Text)


class _Part(NamedTuple):
    """What matches of one resource type."""

    query: Select[Any]
    order: Sequence[ColumnElement[Any]]


_user, _group, _edge = directory_user.c, directory_group.c, membership.c


def _mine(columns: Any, other: Any) -> Any:
    return and_(columns.tenant_id == other.tenant_id, columns.directory_id == other.directory_id)


_groups_of_user: Final = Entries(
    rows=membership.join(
        directory_group, and_(_mine(_edge, _group), _edge.group_id == _group.group_id)
    ),
    belong=and_(_mine(_edge, _user), _edge.user_id == _user.user_id, _group.deleted.is_(False)),
    parts={"value": _edge.group_id, "display": _group.name},
)
_members_of_group: Final = Entries(
    rows=membership,
    belong=and_(_mine(_edge, _group), _edge.group_id == _group.group_id),
    parts={"value": _edge.user_id},
)
_COLUMNS: Final = {
    "User": Columns(
        resource_type="User",
        id=_user.user_id,
        resource=_user.resource,
        external_id=_user.external_id,
        revision=_user.revision,
        created_at=_user.created_at,
        user_name_key=_user.user_name_key,
        entries={"groups": _groups_of_user},
    ),
    "Group": Columns(
        resource_type="Group",
        id=_group.group_id,
        resource=_group.resource,
        external_id=_group.external_id,
        revision=_group.revision,
        created_at=_group.created_at,
        entries={"members": _members_of_group},
    ),
}
_TABLES: Final = {"User": _user, "Group": _group}


class Searching:
    """Searches one directory."""

    def __init__(self, provider: ScimProvider, reading: Reading, base_url: str) -> None:
        self._provider = provider
        self._base_url = base_url
        self._reading = reading

    async def page(
        self, resource_types: Sequence[ResourceType], search: SearchRequest[Any]
    ) -> SearchPage:
        """A page of the resources of these types, and the number of all that match.

        Raises:
            InvalidFilterException: the filter asks for what is kept nowhere.
            InvalidPathException: no order is kept of the attribute.
            NotImplementedException: several types are to be sorted by an attribute.
            UnavailableError: Postgres is away.
        """
        if len(resource_types) > 1 and search.sort_by is not None:
            raise NotImplementedException(
                detail="Sort /Users or /Groups: an order over both is not supported."
            )
        types = {str(each.name): each for each in resource_types}
        if (lookup := lookup_of(list(types), search)) is not None:
            (found,) = await self._reading.ask(lookup)
            return SearchPage(len(found), await self._resources(types, found, search))
        parts = [self._matching(each, search) for each in resource_types]
        rows = await self._rows(parts, search)
        skipped = min(search.start_index or 1, _FARTHEST) - 1
        if (rows or not skipped) and (search.count is None or len(rows) < search.count):
            total = skipped + len(rows)
        else:
            total = await self._total(parts)
        return SearchPage(
            total, await self._resources(types, await self._listed(rows, search), search)
        )

    async def _listed(
        self, rows: Sequence[dict[str, Any]], search: SearchRequest[Any]
    ) -> Sequence[dict[str, Any]]:
        """So many of these as their members allow, one at least (RFC 7644 §3.4.2.4)."""
        groups = [row["id"] for row in rows if row["kind"] == "Group"]
        if not groups or not wants(search, "members"):
            return rows
        sizes = await self._reading.sizes(groups)
        room = limits.LISTED_MEMBERS
        for number, row in enumerate(rows):
            room -= sizes.get(row["id"], 0) if row["kind"] == "Group" else 0
            if room < 0 and number:
                return rows[:number]
        return rows

    async def _resources(
        self,
        types: Mapping[str, ResourceType],
        rows: Sequence[dict[str, Any]],
        search: SearchRequest[Any],
    ) -> list[Resource[Any]]:
        related = await self._related(rows, search)
        return [
            documents.resource_of(
                model_of(self._provider, types[row["kind"]]),
                types[row["kind"]],
                _found(row),
                related.get(row["id"]),
                self._base_url,
            )
            for row in rows
        ]

    def _matching(self, resource_type: ResourceType, search: SearchRequest[Any]) -> _Part:
        kind = str(resource_type.name)
        columns, table = _COLUMNS[kind], _TABLES[kind]
        model = model_of(self._provider, resource_type)
        query = select(
            literal(kind).label("kind"),
            columns.id.label("id"),
            columns.resource.label("resource"),
            columns.revision.label("revision"),
            columns.created_at.label("created_at"),
        ).where(
            table.tenant_id == _TENANT,
            table.directory_id == _DIRECTORY,
            table.deleted.is_(False),
        )
        if search.filter is not None:
            query = query.where(matching(search.filter, model, columns))
        return _Part(query, ordered(search, model, columns))

    async def _rows(
        self, parts: Sequence[_Part], search: SearchRequest[Any]
    ) -> Sequence[dict[str, Any]]:
        if search.count == 0:
            return []
        if len(parts) == 1:
            query: Any = parts[0].query.order_by(*parts[0].order)
        else:
            query = union_all(*(part.query for part in parts)).order_by("created_at", "id")
        query = query.offset(min(search.start_index or 1, _FARTHEST) - 1).limit(search.count)
        (rows,) = await self._reading.ask(_compiled(query))
        return rows

    async def _total(self, parts: Sequence[_Part]) -> int:
        whole = union_all(*(part.query.with_only_columns(literal(1)) for part in parts))
        (rows,) = await self._reading.ask(
            _compiled(select(func.count().label("total")).select_from(whole.subquery()))
        )
        total: int = rows[0]["total"]
        return total

    async def _related(
        self, rows: Sequence[dict[str, Any]], search: SearchRequest[Any]
    ) -> dict[str, list[Related]]:
        found: dict[str, list[Related]] = {}
        for kind, attribute in RELATED.items():
            ids = [row["id"] for row in rows if row["kind"] == kind]
            if ids and wants(search, attribute):
                found |= await self._reading.related(kind, ids)
        return found


def _found(row: Mapping[str, Any]) -> Found:
    return Found(
        id=row["id"],
        resource=row["resource"],
        revision=row["revision"],
        created_at=row["created_at"],
        leaving=False,
        base=0,
        doubt=False,
    )


def _compiled(query: ClauseElement) -> tuple[str, Mapping[str, Any]]:
    compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    bound = compiled.construct_params() or {}
    return str(compiled), {
        name: value for name, value in bound.items() if name not in {"tenant_id", "directory_id"}
    }
