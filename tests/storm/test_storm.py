"""Everything at once: processes, servers and links fail all the time during a whole sync."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from deploy.local.ports import LOOPBACK, free_ports
from tests.harness import Stage
from tests.storm import truth
from tests.storm.delivery import Delivery
from tests.storm.fleet import Fleet, Name, fleet
from tests.storm.history import Customer, merged, set_up
from tests.storm.logs import logs
from tests.storm.shelter import Shelter, shelter
from tests.storm.storm import HARMS, Storm

pytestmark = [pytest.mark.storm, pytest.mark.timeout(1200)]
CUSTOMERS = 8
PER_SECOND = 50.0
STAGES: tuple[Stage, ...] = ("processors", "sinks", "gateway")
NAMES: list[Name] = [(stage, instance) for stage in STAGES for instance in "ab"]
KILLS: dict[Stage, int] = {"processors": 13, "sinks": 9, "gateway": 8}
FREEZES: dict[Stage, int] = {"processors": 6, "sinks": 4}
BROKER_KILLS = 2
LINKS_HARMED = 4
"""Times, each way."""
BIT = 0.0005
"""What share of all events may happen besides at each look of a blow that lacks work to hit."""
BETWEEN_LOGINS = 8
"""Blows between two times at which everybody logs in."""


def test_a_whole_sync_survives_everything(tmp_path: Path, seed: int, people: int) -> None:
    customers = [Customer(number, seed, people // CUSTOMERS) for number in range(CUSTOMERS)]
    with (
        shelter(tmp_path, NAMES) as (sheltered, world),
        fleet(world) as ships,
        logs(world) as read,
    ):
        urls = launch(ships, sheltered)
        set_up(customers, world)
        (secret,) = world.settings.workos_webhook_secrets
        storm = Storm(ships, read, random.Random(seed))
        delivery = Delivery(list(urls.values()), secret, merged(customers), PER_SECOND)
        blows = blows_of(storm, sheltered, delivery, urls)
        random.Random(seed).shuffle(blows)
        opened: set[truth.Opened] = set()
        delivery.share = 0.0
        storm.feed = lambda: feed(delivery, customers)
        with delivery.running():
            for number, blow in enumerate(blows):
                delivery.share = min(1.0, max(delivery.share, (number + 2) / len(blows)))
                blow()
                storm.until(partial(delivery.has_got, number / len(blows)))
                if number % BETWEEN_LOGINS == BETWEEN_LOGINS - 1:
                    opened |= truth.open_sessions(world, number)
            storm.until(partial(delivery.has_got, 1.0))
        storm.until_it_is_over()
        storm.tell()
        print(f"  {len(delivery.acknowledged)} events, {delivery.repeats} repeats")
        assert sum(storm.hits[f"{stage} killed"] for stage in KILLS) >= 30
        assert sum(storm.hits[f"{stage} frozen"] for stage in FREEZES) >= 10
        truth.all_is_as_the_reference_says(world, customers, opened)
        truth.what_was_acknowledged_is_on_the_lanes(world, delivery.acknowledged)
        truth.nothing_is_dead(world)


def feed(delivery: Delivery, customers: Sequence[Customer]) -> None:
    """Let more happen for a blow that lacks work to hit, for as long as it takes."""
    delivery.allow(BIT)
    if delivery.is_short:
        for customer in customers:
            delivery.add(customer.another())


def launch(ships: Fleet, sheltered: Shelter) -> dict[str, str]:
    """Start everybody behind their links; the gateways' URLs by instance."""
    ports = {"a": ships.world.settings.port, "b": free_ports(1)[0]}
    for stage, instance in NAMES:
        links = sheltered.env_of((stage, instance))
        ships.launch(stage, instance, links | {"ROLLCALL_PORT": str(ports[instance])})
    ships.until_ready()
    return {instance: f"http://{LOOPBACK}:{port}" for instance, port in ports.items()}


def blows_of(
    storm: Storm, sheltered: Shelter, delivery: Delivery, urls: dict[str, str]
) -> list[Callable[[], object]]:
    """Everything that the storm will do, not in order yet."""
    blows: list[Callable[[], object]] = []
    for stage, times in KILLS.items():
        kill: Callable[[], object] = partial(storm.kill, stage)
        if stage == "gateway":
            kill = partial(storm.kill_a_gateway, delivery, urls)
        blows += [kill] * times
    for stage, times in FREEZES.items():
        blows += [partial(storm.freeze, stage)] * times
    for harm in HARMS:
        blows += [partial(storm.harm_a_link, sheltered.links, harm)] * LINKS_HARMED
    blows += [partial(storm.meanwhile, "broker killed", sheltered.kill_the_broker)] * BROKER_KILLS
    blows += [partial(storm.meanwhile, "broker frozen", sheltered.freeze_the_broker)]
    blows += [partial(storm.meanwhile, "postgres crashed", sheltered.crash_postgres)]
    return blows
