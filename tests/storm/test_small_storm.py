"""Every kind of process is killed once and a worker frozen past its session, during a sync."""

import random

import pytest

from schemas.partitions import partition_of
from tests.harness import World
from tests.storm import truth
from tests.storm.delivery import Delivery
from tests.storm.fleet import Fleet, Name, fleet
from tests.storm.history import Customer, merged, on_the_lanes, set_up
from tests.storm.logs import Logs, logs
from tests.storm.storm import Storm
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]  # a whole sync, not one behaviour
SEED = 20261125
SECONDS = 60.0
NAMES: tuple[Name, ...] = (
    ("sinks", "a"),
    ("processors", "a"),
    ("processors", "b"),
    ("gateway", "a"),
)
CUSTOMERS, PEOPLE = 4, 100
CROWD = 250
"""People of one more customer, all of whose changes come at once."""
PER_SECOND = 60.0
A_LITTLE = 0.1
"""Seconds of processor time in which a worker decides some of a crowd's changes, but not all."""


def test_a_paced_sync_survives_kills_and_a_freeze(world: World) -> None:
    print(f"seed {SEED}")
    customers = [Customer(number, SEED, PEOPLE) for number in range(CUSTOMERS)]
    crowd = Customer(CUSTOMERS, SEED, CROWD)
    events = merged(customers)
    (secret,) = world.settings.workos_webhook_secrets
    with fleet(world) as ships, logs(world) as read:
        for name in NAMES:
            ships.launch(*name)
        ships.until_ready()
        set_up([*customers, crowd], world)
        storm = Storm(ships, read, random.Random(SEED))
        delivery = Delivery([world.settings.url], secret, events, PER_SECOND)
        with delivery.running():
            storm.until(lambda: delivery.has_got(0.1))
            opened = truth.open_sessions(world, wave=1)
            storm.kill("processors")
            storm.kill_a_gateway(delivery, {"a": world.settings.url})
            storm.kill("sinks")
            ships.until_ready()
            freeze_a_worker_past_its_session(ships, read, crowd)
            storm.until(lambda: delivery.has_got(1.0))
        storm.until_it_is_over()
        storm.tell()
        assert not [each for each in ships.ended if each.startswith(("sinks", "gateway"))]
    truth.all_is_as_the_reference_says(world, [*customers, crowd], opened)
    truth.nothing_is_dead(world)


def freeze_a_worker_past_its_session(ships: Fleet, read: Logs, crowd: Customer) -> None:
    """Freeze the owner of a partition in the midst of a crowd's changes, and thaw it too late.

    It has changes in memory that it would decide as soon as it wakes.
    """
    partition = partition_of(crowd.tenant_id, ships.world.installation.partitions)
    owner = eventually(lambda: read.owner_of(partition, "ab"), SECONDS)
    worker, other = ships["processors", owner], "b" if owner == "a" else "a"
    worker.freeze()
    on_the_lanes(crowd.changes(), ships.world)

    def frozen_midway() -> bool:
        if not (before := read.undecided(partition)):  # it was awake for long enough for all
            on_the_lanes(crowd.changes(), ships.world)
            return False
        worker.thaw()
        used = worker.process.cpu_seconds()
        eventually(lambda: worker.process.cpu_seconds() > used + A_LITTLE, SECONDS)
        worker.freeze()
        return 0 < read.undecided(partition) < before

    assert eventually(frozen_midway, SECONDS)
    eventually(lambda: read.owner_of(partition, other), SECONDS)
    eventually(lambda: not read.undecided(partition), SECONDS)  # by the other one
    worker.thaw()
