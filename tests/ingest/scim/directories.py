"""A directory in Postgres and in memory, whose answers must be the same."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from unicodedata import normalize

from pydantic import Base64Bytes
from scim2_models import (
    URN,
    CaseExact,
    ComplexAttribute,
    EnterpriseUser,
    Extension,
    Group,
    Resource,
    ScimFilter,
    SearchRequest,
    User,
)
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Index,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from ingest.scim.columns import Columns, Entries
from ingest.scim.filters import matching
from ingest.scim.sorting import ordered

SITE = "urn:example:params:scim:schemas:Site"
HOME = {"tenant_id": "acme", "directory_id": "okta"}
START = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Document = dict[str, Any]
Model = type[Resource[Any]]


class Badge(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    primary: bool | None = None
    level: int | None = None
    colours: list[str] | None = None


class Desk(ComplexAttribute):
    room: str | None = None
    labels: list[str] | None = None


class Site(Extension):
    """An extension with every type that there is."""

    __schema__ = URN(SITE)

    code: Annotated[str | None, CaseExact.true] = None
    floor: int | None = None
    score: float | None = None
    remote: bool | None = None
    hired: datetime | None = None
    seal: Base64Bytes | None = None
    tags: list[str] | None = None
    levels: list[int] | None = None
    turns: list[bool] | None = None
    badges: list[Badge] | None = None
    desk: Desk | None = None


Person = User[EnterpriseUser | Site]

metadata = MetaData()


def _table(name: str, *more: Column[Any] | Index) -> Table:
    return Table(
        name,
        metadata,
        Column("tenant_id", Text, primary_key=True),
        Column("directory_id", Text, primary_key=True),
        Column("id", Text, primary_key=True),
        Column("resource", JSONB, nullable=False),
        Column("external_id", Text),
        Column("revision", BigInteger, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
        *more,
        Index(f"{name}_external", "tenant_id", "directory_id", "external_id"),
    )


person = _table(
    "person",
    Column("user_name_key", Text, nullable=False),
    Index("person_name", "tenant_id", "directory_id", "user_name_key"),
)
team = _table("team")
member = Table(
    "member",
    metadata,
    *(
        Column(name, Text, primary_key=True)
        for name in ("tenant_id", "directory_id", "group_id", "user_id")
    ),
)


def _columns(table: Table, resource_type: str, **entries: Entries) -> Columns:
    return Columns(
        resource_type=resource_type,
        id=table.c.id,
        resource=table.c.resource,
        external_id=table.c.external_id,
        revision=table.c.revision,
        created_at=table.c.created_at,
        user_name_key=table.c.get("user_name_key"),
        entries=entries,
    )


def _beside(table: Table) -> Any:
    return and_(
        member.c.tenant_id == table.c.tenant_id, member.c.directory_id == table.c.directory_id
    )


PEOPLE = _columns(
    person,
    "User",
    groups=Entries(
        rows=member.join(team, and_(_beside(team), member.c.group_id == team.c.id)),
        belong=and_(_beside(person), member.c.user_id == person.c.id),
        parts={"value": member.c.group_id, "display": team.c.resource["displayName"].astext},
    ),
)
TEAMS = _columns(
    team,
    "Group",
    members=Entries(
        rows=member,
        belong=and_(_beside(team), member.c.group_id == team.c.id),
        parts={"value": member.c.user_id},
    ),
)


@dataclass(frozen=True)
class Directory:
    """The same resources in Postgres and in memory."""

    connection: Connection
    people: list[Any]
    teams: list[Any]

    def agree(self, model: Model, *filters: ScimFilter[Any]) -> list[list[bool]]:
        """Ask Postgres and the evaluator whether each row satisfies each filter: one query."""
        table, columns, resources = (
            (team, TEAMS, self.teams) if model is Group else (person, PEOPLE, self.people)
        )
        conditions: list[Any] = [matching(each, model, columns).label(None) for each in filters]
        query = select(*conditions).select_from(table).order_by(table.c.id)
        found = [list(row) for row in asked(self.connection, query)]
        by_id = sorted(resources, key=lambda each: each.id)
        expected = [[each.match(resource) for each in filters] for resource in by_id]
        assert found == expected, [str(each) for each in filters]
        return found

    def agree_on_order(self, search: SearchRequest[Any]) -> list[str]:
        """Let Postgres and `SearchRequest.sort` order people."""
        order = ordered(search, Person, PEOPLE)
        query = select(person.c.id).order_by(*order)
        found = [str(row[0]) for row in asked(self.connection, query)]
        made = sorted(self.people, key=lambda each: (each.meta.created, each.id))
        assert found == [each.id for each in search.sort(made)], search
        return found


def asked(connection: Connection, query: Select[Any], prefix: str = "") -> Sequence[Any]:
    """Ask as the door does: psycopg gets the text and the parameters as they are."""
    compiled = query.compile(connection)
    return connection.exec_driver_sql(f"{prefix}{compiled}", compiled.params).all()


@contextmanager
def filled(
    connection: Connection,
    people: Sequence[Document],
    teams: Sequence[Document] = (),
    members: Iterable[tuple[int, int]] = (),
) -> Iterator[Directory]:
    """A directory of documents, gone at the end; members are pairs of indices, the team's first."""
    people_rows = [_row("p", number, document) for number, document in enumerate(people)]
    team_rows = [_row("t", number, document) for number, document in enumerate(teams)]
    pairs = [(f"t{of}", f"p{who}") for of, who in members]
    named = {row["id"]: row["resource"].get("displayName") for row in team_rows}
    groups, whos = defaultdict(list), defaultdict(list)
    for of, who in pairs:
        groups[who].append({"value": of, "display": named[of]})
        whos[of].append({"value": who})
    with connection.begin() as transaction:
        _insert(connection, person, people_rows)
        _insert(connection, team, team_rows)
        _insert(connection, member, [HOME | {"group_id": of, "user_id": who} for of, who in pairs])
        yield Directory(
            connection,
            [_resource(Person, "User", row, groups=groups.get(row["id"])) for row in people_rows],
            [_resource(Group, "Group", row, members=whos.get(row["id"])) for row in team_rows],
        )
        transaction.rollback()


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        names = table.c.keys()
        connection.execute(table.insert(), [{name: row[name] for name in names} for row in rows])


def _row(prefix: str, number: int, document: Document) -> dict[str, Any]:
    external_id = document.get("externalId")
    name = normalize("NFC", document.get("userName", ""))
    return HOME | {
        "id": f"{prefix}{number}",
        "resource": document,
        "external_id": None if external_id is None else normalize("NFC", external_id),
        "revision": (START - EPOCH) // MICROSECOND + number,
        "created_at": START - number % 2 * MICROSECOND,
        "user_name_key": normalize("NFC", name.lower()),
    }


def _resource(model: Model, resource_type: str, row: dict[str, Any], **more: Any) -> Any:
    meta = {
        "resourceType": resource_type,
        "created": row["created_at"],
        "lastModified": EPOCH + row["revision"] * MICROSECOND,
        "version": f'W/"{row["revision"]}"',
    }
    return model.model_validate(row["resource"] | {"id": row["id"], "meta": meta} | more)
