"""Every kind of process is killed once and a worker frozen past its session, during a sync."""

from collections import Counter
from typing import Any

import msgspec
import psycopg
import pytest

from schemas import topics
from schemas.changes import is_urgent
from schemas.partitions import partition_of
from sinks import audit_log
from tests import reference
from tests.harness import World
from tests.storm.delivery import Delivery
from tests.storm.fleet import SECONDS, Fleet, fleet
from tests.storm.history import Customer
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]  # a whole sync, not one behaviour
SEED = 20261125
CUSTOMERS, PEOPLE = 4, 100
CROWD = 250
"""People of one more customer, all of whose changes come at once."""
PER_SECOND = 60.0
A_LITTLE = 0.1
"""Seconds of processor time in which a worker decides some of a crowd's changes, but not all."""
OUTPUTS = [t.name for t in topics.TOPICS if t.written_by == "processors" and t.retention_days]


def test_a_paced_sync_survives_kills_and_a_freeze(world: World) -> None:
    print(f"seed {SEED}")
    customers = [Customer(number, SEED, PEOPLE) for number in range(CUSTOMERS)]
    crowd = Customer(CUSTOMERS, SEED, CROWD)
    events = [event for each in zip(*(c.events for c in customers), strict=False) for event in each]
    events += [e for c in customers for e in c.events[len(events) // CUSTOMERS :]]
    (secret,) = world.settings.workos_webhook_secrets
    with fleet(world) as ships:
        for customer in (*customers, crowd):
            customer.set_up(world)
        delivery = Delivery(world.settings.url, secret, events, PER_SECOND)
        with delivery.running():
            eventually(lambda: len(delivery.acknowledged) > len(events) // 10, SECONDS)
            opened = open_sessions(world)
            kill_a_worker(ships)
            kill_the_gateway(ships, delivery)
            kill_the_sinks(ships)
            freeze_a_worker_past_its_session(ships, crowd)
            eventually(lambda: ships.tended() and delivery.is_done, 2 * SECONDS)
        ships.until_all_is_applied()
        print(f"ended by themselves: {ships.ended}")
        assert not [each for each in ships.ended if each.startswith(("sinks", "gateway"))]
    customers.append(crowd)
    truth = [reference.end_state(customer.settings(), customer.changes()) for customer in customers]
    members_are_as_the_reference_says(world, customers, truth)
    directories_are_as_the_reference_says(world, customers, truth)
    sessions_are_as_the_reference_says(world, customers, opened)
    the_audit_log_tells_the_same(world, customers)
    no_event_stands_twice(world)


# --- the storm


def open_sessions(world: World) -> set[tuple[str, str]]:
    """A session for everybody who has access by now: tenant and member."""
    with world.connection() as connection:
        rows = connection.execute(
            "INSERT INTO session (tenant_id, session_id, member_id, label, created_at)"
            " SELECT tenant_id, member_id, member_id, 'laptop', clock_timestamp() FROM member"
            " WHERE standing = 'active' RETURNING tenant_id, member_id"
        ).fetchall()
    assert rows
    return set(rows)


def kill_a_worker(ships: Fleet) -> None:
    worker = ships["processors", "a"]

    def frozen() -> bool:
        owned = ships.partitions_of("a")
        worker.freeze()
        if owned and ships.undecided(owned):
            return True
        worker.thaw()
        return False

    assert eventually(frozen, SECONDS)
    ships.replace("processors", "a")


def kill_the_gateway(ships: Fleet, delivery: Delivery) -> None:
    eventually(lambda: delivery.under_way, SECONDS)
    ships.replace("gateway")


def kill_the_sinks(ships: Fleet) -> None:
    sinks = ships["sinks", "a"]

    def frozen() -> int:
        sinks.freeze()
        if left := ships.unapplied():
            return left
        sinks.thaw()
        return 0

    assert eventually(frozen, SECONDS)
    ships.replace("sinks")


def freeze_a_worker_past_its_session(ships: Fleet, crowd: Customer) -> None:
    """Freeze the owner of a partition in the midst of a crowd's changes, and thaw it too late.

    It has changes in memory that it would decide as soon as it wakes.
    """
    partition = partition_of(crowd.tenant_id, ships.world.installation.partitions)
    eventually(lambda: ships.owner_of(partition), SECONDS)
    owner, other = ("a", "b") if ships.owner_of(partition) == "a" else ("b", "a")
    worker, changes = ships["processors", owner], crowd.changes()
    worker.freeze()
    before = ships.undecided({partition})
    for change in changes:
        lane = topics.URGENT if is_urgent(change) else topics.CHANGES
        ships.world.produce(lane.name, change)

    def frozen_midway() -> bool:
        worker.thaw()
        used = worker.cpu_seconds()
        eventually(lambda: worker.cpu_seconds() > used + A_LITTLE, SECONDS)
        worker.freeze()
        return 0 < ships.undecided({partition}) < before + len(changes)

    assert eventually(frozen_midway, SECONDS)
    eventually(lambda: partition in ships.partitions_of(other), SECONDS)
    eventually(lambda: not ships.undecided({partition}), SECONDS)  # by the other one
    worker.thaw()


# --- what must be true afterwards


def members_are_as_the_reference_says(
    world: World, customers: list[Customer], truth: list[reference.EndState]
) -> None:
    rows = world.rows("SELECT tenant_id, external_ids, standing, role, email FROM member")
    found = {
        (row["tenant_id"], row["external_ids"][0]): (row["standing"], row["role"]) for row in rows
    }
    expected = {
        (customer.tenant_id, f"{directory}/{idp_id}"): (person.standing, person.role)
        for customer, end in zip(customers, truth, strict=True)
        for (directory, idp_id), person in end.people.items()
    }
    # Whose departure overtook the arrival was never let in, and so never became a member.
    never = {key for key, (standing, _) in expected.items() if standing == "none"} - found.keys()
    assert {k: v[0] for k, v in found.items()} == {
        k: v[0] for k, v in expected.items() if k not in never
    }
    active = {key: value for key, value in found.items() if value[0] == "active"}
    assert active == {key: value for key, value in expected.items() if value[0] == "active"}


def directories_are_as_the_reference_says(
    world: World, customers: list[Customer], truth: list[reference.EndState]
) -> None:
    rows = world.rows("SELECT directory_id, group_id, user_id FROM membership")
    found = {(row["directory_id"], row["group_id"], row["user_id"]) for row in rows}
    assert found == set().union(*(end.memberships for end in truth))
    users = world.rows("SELECT directory_id, user_id FROM directory_user WHERE active")
    active = {(row["directory_id"], row["user_id"]) for row in users}
    assert active == set().union(*(end.active for end in truth))
    assert len(customers) == len({row["directory_id"] for row in users})


def sessions_are_as_the_reference_says(
    world: World, customers: list[Customer], opened: set[tuple[str, str]]
) -> None:
    rows = world.rows("SELECT tenant_id, member_id, external_ids FROM member")
    gone = {
        (customer.tenant_id, f"{customer.directory_id}/{idp_id}")
        for customer in customers
        for idp_id in customer.departed
    }
    keep = {
        (row["tenant_id"], row["member_id"])
        for row in rows
        if (row["tenant_id"], row["external_ids"][0]) not in gone
    }
    left = world.rows("SELECT tenant_id, member_id FROM session")
    assert {(row["tenant_id"], row["member_id"]) for row in left} == opened & keep


def the_audit_log_tells_the_same(world: World, customers: list[Customer]) -> None:
    with psycopg.connect(world.settings.require_database()) as connection:
        for customer in customers:
            audit_log.verify(connection, customer.tenant_id)
    rows = world.rows(
        "SELECT DISTINCT ON (tenant_id, member_id) tenant_id, member_id, role_to FROM audit_entry"
        " WHERE member_id IS NOT NULL AND entry -> 'access_to' IS DISTINCT FROM 'null'"
        " ORDER BY tenant_id, member_id, sequence DESC"
    )
    told = {(row["tenant_id"], row["member_id"]): row["role_to"] for row in rows}
    members = world.rows("SELECT tenant_id, member_id, role FROM member")
    assert told == {(row["tenant_id"], row["member_id"]): row["role"] for row in members}
    published = world.messages("audit-entries")
    (count,) = world.rows("SELECT count(*) AS entries FROM audit_entry")
    assert count["entries"] == len(published)


def no_event_stands_twice(world: World) -> None:
    messages: list[Any] = [m for name in OUTPUTS for m in world.messages(name)]
    times = Counter(message.event_id for message in messages)
    twice = [m for m in messages if times[m.event_id] > 1]
    assert twice == [], msgspec.json.encode(twice)
    assert world.messages("dead-letters") == []
