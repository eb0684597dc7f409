"""What must be true when a storm is over."""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import msgspec
import psycopg

from schemas import topics
from schemas.commands import RevokeSessions
from sinks import audit_log
from tests import reference
from tests.harness import World
from tests.storm.history import Customer

OUTPUTS = [t.name for t in topics.TOPICS if t.written_by == "processors" and t.retention_days]


class Opened(NamedTuple):
    """A session, and an API key of the same name."""

    tenant_id: str
    member_id: str
    revision: int
    """The member's, when it was opened."""
    name: str


def open_sessions(world: World, wave: int) -> set[Opened]:
    """A session and an API key for everybody who has access by now."""
    with world.connection() as connection:
        rows = connection.execute(
            "INSERT INTO session"
            " (tenant_id, session_id, member_id, label, created_at, member_revision)"
            " SELECT tenant_id, member_id || %s, member_id, 'laptop', clock_timestamp(), revision"
            " FROM member WHERE standing = 'active'"
            " RETURNING tenant_id, member_id, member_revision, session_id",
            [f"/{wave}"],
        ).fetchall()
        connection.execute(
            "INSERT INTO api_key (tenant_id, key_id, member_id, label, created_at, member_revision)"
            " SELECT tenant_id, session_id, member_id, label, created_at, member_revision"
            " FROM session WHERE session_id = ANY(%s)",
            [[row[3] for row in rows]],
        )
    return {Opened(*row) for row in rows}


def all_is_as_the_reference_says(
    world: World, customers: Sequence[Customer], opened: set[Opened] | None = None
) -> None:
    """Read models, sessions, keys, the audit log, the topics."""
    truth = [reference.end_state(customer.settings(), customer.changes()) for customer in customers]
    members_are_as_the_reference_says(world, truth)
    directories_are_as_the_reference_says(world, truth)
    if opened:
        sessions_are_as_the_reference_says(world, customers, truth, opened)
    revocations_stand_once(world)
    the_audit_log_tells_the_same(world, customers)
    no_event_stands_twice(world)


def members_are_as_the_reference_says(world: World, truth: Sequence[reference.EndState]) -> None:
    rows = world.rows(
        "SELECT tenant_id, member_id, external_ids, standing, role, email, coalesce("
        " (SELECT jsonb_agg(jsonb_build_array(workspace, role) ORDER BY workspace)"
        "  FROM member_workspace AS of_theirs WHERE (of_theirs.tenant_id, of_theirs.member_id)"
        "  = (member.tenant_id, member.member_id)), '[]') AS workspaces FROM member"
    )
    found = {
        _external(row): reference.Person(
            row["standing"],
            row["role"],
            tuple((workspace, role) for workspace, role in row["workspaces"]),
            row["email"],
        )
        for row in rows
    }
    assert len(found) == len(rows)
    expected = {place: person for end in truth for place, person in end.people.items()}
    # Whose departure overtook the arrival was never let in, and so never became a member.
    never = {key for key, person in expected.items() if person.standing == "none"} - found.keys()
    assert _standings(found) == _standings(expected, without=never)
    assert _active(found) == _active(expected)


def directories_are_as_the_reference_says(
    world: World, truth: Sequence[reference.EndState]
) -> None:
    rows = world.rows("SELECT directory_id, group_id, user_id FROM membership")
    found = {(row["directory_id"], row["group_id"], row["user_id"]) for row in rows}
    assert found == set().union(*(end.memberships for end in truth))
    users = world.rows("SELECT directory_id, user_id FROM directory_user WHERE active")
    active = {(row["directory_id"], row["user_id"]) for row in users}
    assert active == set().union(*(end.active for end in truth))
    groups = world.rows(
        "SELECT directory_id, group_id, name FROM directory_group WHERE NOT deleted"
    )
    names = {(row["directory_id"], row["group_id"]): row["name"] for row in groups}
    assert names == {place: name for end in truth for place, name in end.groups.items()}


def sessions_are_as_the_reference_says(
    world: World,
    customers: Sequence[Customer],
    truth: Sequence[reference.EndState],
    opened: set[Opened],
) -> None:
    """Who is out has none, who always was in has all of theirs; in between the events count."""
    left = {
        table: {Opened(*row.values()) for row in world.rows(query)}
        for table, query in (
            ("session", _VALID.format(table="session", id="session_id", also="")),
            ("key", _VALID.format(table="api_key", id="key_id", also="AND revoked_at IS NULL")),
        )
    }
    assert left["session"] == left["key"]
    members = world.rows("SELECT tenant_id, member_id, external_ids FROM member")
    people = {(row["tenant_id"], row["member_id"]): _external(row) for row in members}
    out = {place for end in truth for place, p in end.people.items() if p.standing == "none"}
    ever = {(customer.directory_id, each) for customer in customers for each in customer.departed}
    person = {each: people[each.tenant_id, each.member_id] for each in opened}
    assert not [each for each in left["session"] if person[each] in out]
    assert {each for each in opened if person[each] not in ever} <= left["session"]
    ended = _ended(world)
    stays = {
        each for each in opened if each.revision > ended.get((each.tenant_id, each.member_id), -1)
    }
    assert left["session"] == stays


def revocations_stand_once(world: World) -> None:
    rows = world.rows("SELECT * FROM member_cutoff WHERE login_revision IS NOT NULL")
    found = {(row["tenant_id"], row["member_id"]): row["login_revision"] for row in rows}
    assert found == _ended(world)


def the_audit_log_tells_the_same(world: World, customers: Sequence[Customer]) -> None:
    with psycopg.connect(world.settings.require_database()) as connection:
        entries = {
            customer.tenant_id: audit_log.verify(connection, customer.tenant_id)
            for customer in customers
        }
    rows = world.rows(
        "SELECT DISTINCT ON (tenant_id, member_id) tenant_id, member_id, role_to FROM audit_entry"
        " WHERE member_id IS NOT NULL AND entry -> 'access_to' IS DISTINCT FROM 'null'"
        " ORDER BY tenant_id, member_id, sequence DESC"
    )
    told = {(row["tenant_id"], row["member_id"]): row["role_to"] for row in rows}
    members = world.rows("SELECT tenant_id, member_id, role FROM member")
    assert told == {(row["tenant_id"], row["member_id"]): row["role"] for row in members}
    published = Counter(entry.tenant_id for entry in world.messages("audit-entries"))
    assert published == entries
    stored = world.rows("SELECT entry_id FROM audit_entry")
    assert len({row["entry_id"] for row in stored}) == len(stored)


def no_event_stands_twice(world: World) -> None:
    messages: list[Any] = [m for name in OUTPUTS for m in world.messages(name)]
    times = Counter(message.event_id for message in messages)
    twice = [m for m in messages if times[m.event_id] > 1]
    assert twice == [], msgspec.json.encode(twice)


def what_was_acknowledged_is_on_the_lanes(world: World, acknowledged: set[str]) -> None:
    changes: list[Any] = [change for lane in topics.LANES for change in world.messages(lane.name)]
    assert acknowledged <= {each.stamp.event_id for each in changes if hasattr(each, "stamp")}


def nothing_is_dead(world: World) -> None:
    assert world.messages("dead-letters") == []


_VALID = """
    SELECT tenant_id, member_id, member_revision, {id} FROM {table}
    LEFT JOIN member_cutoff USING (tenant_id, member_id)
    WHERE member_revision > coalesce(login_revision, -1) {also}
"""


def _ended(world: World) -> dict[tuple[str, str], int]:
    """The last revision with which each member's sessions and keys were to end."""
    commands = world.messages("session-revocations-v1")
    return {
        (command.tenant_id, command.member.member_id): command.revision
        for command in commands
        if isinstance(command, RevokeSessions)
    }


def _external(row: dict[str, Any]) -> tuple[str, str]:
    """The directory and the IdP's id of a member, who has one here."""
    directory, _, idp_id = row["external_ids"][0].partition("/")
    return directory, idp_id


def _standings(
    people: dict[tuple[str, str], reference.Person],
    without: AbstractSet[tuple[str, str]] = frozenset(),
) -> dict[tuple[str, str], str]:
    return {place: person.standing for place, person in people.items() if place not in without}


def _active(
    people: dict[tuple[str, str], reference.Person],
) -> dict[tuple[str, str], reference.Person]:
    return {place: person for place, person in people.items() if person.standing == "active"}
