"""SQL finds and orders the same resources as scim2-models does in memory."""

import json
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from unicodedata import category, normalize

import psycopg
import pytest
import sqlalchemy
from hypothesis import HealthCheck, Phase, given, settings
from scim2_models import (
    Group,
    InvalidFilterException,
    InvalidPathException,
    ScimFilter,
    SearchRequest,
    default_comparison_key,
)
from scim2_models.path import AttrPath, CompareOperator
from scim2_server.testing import SEARCH_FILTERS, SEARCH_SORTS, SEARCH_USERS
from sqlalchemy import ARRAY, Connection, Text, cast, func, select

from deploy.local.stack import Stack
from ingest.scim.comparison import Value, comparable
from ingest.scim.filters import matching
from ingest.scim.sorting import ordered
from tests.harness import new_database
from tests.ingest.scim import generated
from tests.ingest.scim.directories import (
    HOME,
    MICROSECOND,
    PEOPLE,
    SITE,
    START,
    TEAMS,
    Document,
    Model,
    Person,
    asked,
    filled,
    member,
    metadata,
    person,
    team,
)
from tests.ingest.scim.generated import BEYOND, FLOATS, INSTANTS, LOCAL, NUMBERS, WORDS

sampled = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


FEW = ["", "a", "A", "ab", "\uffff", "\U00010400", "e\u0301", "É"]
UNMAPPED = {"Lo", "Cn", "Co", "Cs"}
"""Categories without upper and lower case: letters such as ideographs, and what is not assigned."""
CHANGED = {"\U0001171e"}
"""A mark of Ahom that Unicode 16, which PostgreSQL has, no longer passes over beside a sigma."""


@pytest.fixture(scope="module")
def connection(stack: Stack) -> Iterator[Connection]:
    with new_database(stack, f"filters_{secrets.token_hex(5)}") as url:
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(url)
        )
        with engine.connect() as connection:
            metadata.create_all(connection)
            connection.commit()
            yield connection
        engine.dispose()


def comparisons(path: str, literals: Iterable[object]) -> list[ScimFilter[Any]]:
    """All that scim2-models accepts."""
    texts = [f"{path} pr"]
    texts += [f"{path} {op} {json.dumps(each)}" for op in CompareOperator for each in literals]
    accepted = []
    for text in texts:
        with suppress(InvalidFilterException):
            accepted.append(ScimFilter[Person](text))
    return accepted


@pytest.mark.parametrize(
    ("place", "values", "literals"),
    [
        ("title", WORDS, [*WORDS, *BEYOND, 5]),
        ("externalId", FEW, [*FEW, *BEYOND]),
        (f"{SITE}:code", FEW, [*FEW, *BEYOND]),
        (f"{SITE}:hired", [*INSTANTS, *LOCAL], [*INSTANTS, *LOCAL]),
        (f"{SITE}:score", FLOATS, [*FLOATS, *NUMBERS, True]),
        (f"{SITE}:floor", NUMBERS, [*NUMBERS, True, 1.0]),
        (f"{SITE}:remote", [True, False], [True, False, 1]),
        (f"{SITE}:seal", ["", "aGk=", "aGkh"], ["", "aGk=", "aGkh"]),
        (f"{SITE}:levels", [[], [1], [0, 2]], [0, 1, 2, True]),
        (f"{SITE}:tags", [[], [""], ["a", "B"]], ["", "A", "b", "c"]),
        ("name", [{}, {"givenName": ""}, {"givenName": "a"}], ["", "a"]),
    ],
)
def test_every_operator_on_every_pair_of_values(
    connection: Connection, place: str, values: list[Any], literals: list[Any]
) -> None:
    def holding(value: object) -> Document:
        schema, _, name = place.rpartition(":")
        return {"userName": "ann"} | ({schema: {name: value}} if schema else {name: value})

    people = [{"userName": "bob"}, holding(None), *map(holding, values)]
    filters = comparisons(place, [*literals, None])
    if values[0] == []:
        filters += [
            ScimFilter[Person](f"{place}[value {str(each).partition(' ')[2]}]") for each in filters
        ]
    with filled(connection, people) as directory:
        directory.agree(Person, *filters)


def test_every_operator_on_lists_that_lack_something(connection: Connection) -> None:
    entries: list[Any] = [
        None,
        [],
        [{}],
        [{"value": ""}],
        [{"value": "a"}, {}],
        [{"value": "a"}, {"value": "B"}],
    ]
    people = [{"userName": "ann"}, *[{"userName": "bob", "roles": each} for each in entries]]
    inner = comparisons("value", ["", "A", "b", None])
    filters = [*comparisons("roles", ["", "A", "b", None]), *comparisons("roles.type", ["a", None])]
    filters += [ScimFilter[Person](f"roles[{each}]") for each in inner]
    filters += [ScimFilter[Person](f"roles[not ({each})]") for each in inner]
    with filled(connection, people) as directory:
        directory.agree(Person, *filters)


def test_every_operator_on_the_instants_of_meta(connection: Connection) -> None:
    around = [START + step * MICROSECOND for step in (-2, -1, 0, 1, 2)]
    literals = [each.isoformat() for each in around] + [*INSTANTS, *LOCAL, None]
    filters = [
        each
        for name in ("created", "lastModified")
        for each in comparisons(f"meta.{name}", literals)
    ]
    with filled(connection, [{"userName": "ann"}] * 3) as directory:
        directory.agree(Person, *filters)


@settings(sampled, max_examples=120)
@given(
    people=generated.people(generated.instants | generated.local),
    teams=generated.teams,
    members=generated.members,
    people_filters=generated.people_filters,
    team_filters=generated.team_filters,
)
def test_any_filter_finds_what_the_evaluator_finds(
    connection: Connection,
    *,
    people: list[Document],
    teams: list[Document],
    members: set[tuple[int, int]],
    people_filters: list[ScimFilter[Any]],
    team_filters: list[ScimFilter[Any]],
) -> None:
    pairs = {(of, who) for of, who in members if of < len(teams) and who < len(people)}
    with filled(connection, people, teams, pairs) as directory:
        directory.agree(Person, *people_filters)
        directory.agree(Group, *team_filters)


@settings(sampled, max_examples=100)
@given(people=generated.people(generated.instants), search=generated.sorts)
def test_any_order_is_that_of_the_search_request(
    connection: Connection, people: list[Document], search: SearchRequest[Any]
) -> None:
    with filled(connection, people) as directory:
        directory.agree_on_order(search)


def test_the_filters_and_sorts_of_the_storage_contract(connection: Connection) -> None:
    with filled(connection, SEARCH_USERS) as directory:
        found = directory.agree(Person, *(ScimFilter[Person](each) for each in SEARCH_FILTERS))
        assert sum(map(sum, found)) > len(SEARCH_FILTERS)
        for path in SEARCH_SORTS:
            for order in SearchRequest.SortOrder:
                directory.agree_on_order(SearchRequest[Person](sort_by=path, sort_order=order))
        assert directory.agree_on_order(SearchRequest[Person]()) == ["p1", "p3", "p0", "p2"]


def test_members_and_groups_come_from_memberships(connection: Connection) -> None:
    people = [{"userName": name} for name in ("ann", "bob", "eve")]
    teams = [{"displayName": name} for name in ("Ops", "50%", "Idle")]

    def found(model: Model, text: str) -> list[bool]:
        return [row[0] for row in directory.agree(model, ScimFilter[model](text))]  # type: ignore[valid-type]

    with filled(connection, people, teams, {(0, 0), (0, 1), (1, 1)}) as directory:
        assert found(Group, 'members eq "p1"') == [True, True, False]
        assert found(Group, 'members[value eq "p0"]') == [True, False, False]
        assert found(Group, 'members ne "p0"') == [False, True, True]
        assert found(Group, "members pr") == [True, True, False]
        assert found(Group, "members eq null") == [False, False, True]
        assert found(Group, 'id eq "t0" and members.value eq "p0"') == [True, False, False]
        assert found(Person, 'groups.value eq "t1"') == [False, True, False]
        assert found(Person, 'groups[value eq "t0" and display eq "50%"]') == [False] * 3
        assert found(Person, 'groups.display eq "OPS" and not (groups co "1")') == [
            *(True, False, False)
        ]


def test_a_filter_over_several_types_matches_nothing_where_a_type_lacks_its_attribute(
    connection: Connection,
) -> None:
    both = ScimFilter[Person | Group]('userName pr or displayName eq "ops"')
    with filled(connection, [{"userName": "ann"}], [{"displayName": "Ops"}, {}]) as directory:
        assert directory.agree(Person, ScimFilter[Person](both)) == [[True]]
        assert directory.agree(Group, ScimFilter[Group](both)) == [[True], [False]]
        condition = matching(both, Group, TEAMS)
        assert connection.scalars(select(team.c.id).where(condition)).all() == ["t0"]


def test_filters_nest_as_deep_as_they_may(connection: Connection) -> None:
    deep = "not (" * 31 + 'title sw "a"' + ")" * 31
    with filled(connection, [{"userName": "ann", "title": "A"}, {"userName": "bob"}]) as directory:
        assert directory.agree(Person, ScimFilter[Person](deep)) == [[False], [True]]


def test_postgres_folds_every_character_as_python_does(connection: Connection) -> None:
    binding = ScimFilter[Person]("title pr").resolve(AttrPath("title"))
    assert binding is not None
    every = map(chr, range(1, sys.maxunicode + 1))
    known = [one for one in every if category(one) not in UNMAPPED or normalize("NFD", one) != one]
    texts = [f"{one}Σ {one} a{one}Σ aΣ{one}b \u0345{one}\u0301" for one in known]
    given_texts = (
        func.unnest(cast(texts, ARRAY(Text)))
        .table_valued("text", with_ordinality="n")
        .render_derived()
    )
    folded = comparable(Value(given_texts.c.text, binding, "text"))
    rows = connection.scalars(select(folded).order_by(given_texts.c.n))
    expected = [default_comparison_key(binding, text) for text in texts]
    wrong = {one for one, key, row in zip(known, expected, rows, strict=True) if key != row}
    assert wrong <= CHANGED, [hex(ord(one)) for one in wrong]
    connection.rollback()


@pytest.mark.parametrize(
    ("model", "text", "instead"),
    [
        (Person, 'schemas eq "urn:x:y"', "an attribute of the schema"),
        (Person, f"{SITE}:schemas pr", "an attribute of the schema"),
        (Person, "meta.location pr", "'id'"),
        (Person, 'groups.type eq "direct"', "'value', 'display'"),
        (Group, 'members[display eq "Ann"]', "'value'"),
        (Group, 'not (members.$ref co "Users")', "'value'"),
    ],
)
def test_what_is_not_kept_is_refused_with_what_to_ask_instead(
    model: Model, text: str, instead: str
) -> None:
    with pytest.raises(InvalidFilterException) as refused:
        matching(ScimFilter[model](text), model, TEAMS if model is Group else PEOPLE)  # type: ignore[valid-type]
    assert instead in str(refused.value.detail)


@pytest.mark.parametrize(
    "path", ["groups", "meta.location", "schemas", f"{SITE}:desk.labels", f"{SITE}:badges.colours"]
)
def test_no_order_is_made_up(path: str) -> None:
    with pytest.raises(InvalidPathException):
        ordered(SearchRequest[Person](sort_by=path), Person, PEOPLE)


def test_what_idps_ask_all_the_time_is_served_by_an_index(connection: Connection) -> None:
    many = range(3000)
    people = [{"userName": f"name{n}@a.example", "externalId": f"x{n}"} for n in many]
    teams = [{"displayName": f"Team {n}"} for n in many]

    def indexes(model: Model, text: str) -> set[str]:
        table, columns = (team, TEAMS) if model is Group else (person, PEOPLE)
        condition = matching(ScimFilter[model](text), model, columns)  # type: ignore[valid-type]
        home = [table.c[name] == value for name, value in HOME.items()]
        query = select(table.c.id).where(*home, condition)
        assert connection.scalars(query).all() == [f"{table.name[0]}77"]
        (plan,) = (str(row[0]) for row in asked(connection, query, "EXPLAIN (FORMAT JSON) "))
        assert "Seq Scan" not in plan
        return set(re.findall(r"'Index Name': '(\w+)'", plan))

    with filled(connection, people, teams, zip(many, many, strict=True)):
        for table in (person, team, member):
            connection.exec_driver_sql(f"ANALYZE {table.name}")
        assert indexes(Person, 'userName eq "Name77@A.example"') == {"person_name"}
        assert indexes(Person, 'externalId eq "x77"') == {"person_external"}
        assert indexes(Person, 'id eq "p77"') == {"person_pkey"}
        both = {"team_pkey", "member_pkey"}
        assert indexes(Group, 'id eq "t77" and members eq "p77"') == both
        assert indexes(Group, 'id eq "t77" and members[value eq "p77"]') == both
