"""Storms over the workers: no gateway, bursts of changes on the lanes, and kills in each burst."""

import itertools
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from schemas.changes import AnyChange, is_urgent
from tests.harness import World
from tests.storm import truth
from tests.storm.fleet import fleet
from tests.storm.history import Customer, on_the_lanes
from tests.storm.logs import logs
from tests.storm.storm import Storm

pytestmark = [pytest.mark.storm, pytest.mark.kafka, pytest.mark.timeout(900)]
CUSTOMERS = 12
PEOPLE = 600
BACKLOG = 50_000
PER_PERSON = 3.5
"""Changes, about."""
BURST = 200
"""Changes that come at once."""
FEED_SECONDS = 0.2
STANDBY = {"ROLLCALL_STANDBY_REPLICAS": "1"}


def test_a_new_group_on_a_backlog(world: World, seed: int) -> None:
    """Nobody was ever here: no offsets in Kafka, no state, and 50,000 changes."""
    customers = made(seed, round(BACKLOG / PER_PERSON))
    changes = mixed(customers)
    removals = [change for change in changes if is_urgent(change)]
    on_the_lanes([change for customer in customers for change in customer.settings()], world)
    on_the_lanes([change for change in changes if not is_urgent(change)], world)
    with raised(world, seed, "ab", settled=None) as storm:
        # Else a removal would come before the directory that it speaks of.
        storm.until(lambda: len(world.rows("SELECT 1 FROM directory")) == CUSTOMERS)
        parts = [removals[at : at + BURST] for at in range(0, len(removals), BURST)]
        coming, fed_at = itertools.cycle(parts), [0.0]

        def feed() -> None:
            # Workers may be through with the backlog before the last blow, and a blow hits only
            # work: removals come in by and by, and again when there are no others.
            if time.monotonic() > fed_at[0] + FEED_SECONDS:
                fed_at[0] = time.monotonic()
                on_the_lanes(next(coming), world)

        storm.feed = feed
        for _ in range(5):
            storm.kill("processors")
            storm.kill("sinks")
        storm.freeze("processors")
        on_the_lanes(removals, world)
        storm.until_it_is_over()
    print(f"  {len(changes)} changes")
    assert len(changes) >= BACKLOG
    truth.all_is_as_the_reference_says(world, customers)


def test_a_worker_loses_its_disk_between_kills(world: World, seed: int) -> None:
    customers = made(seed, PEOPLE)
    with raised(world, seed, "ab", settled=customers) as storm:
        for burst in bursts(customers):
            ship = storm.kill("processors", given(burst, world))
            if ship is not None:
                shutil.rmtree(world.settings.state_folder / ship.instance)
        storm.until_it_is_over()
    assert storm.hits["processors killed"]
    truth.all_is_as_the_reference_says(world, customers)


def test_three_workers_and_a_standby(world: World, seed: int) -> None:
    customers = made(seed, PEOPLE)
    with raised(world, seed, "abc", settled=customers, env=STANDBY) as storm:
        for number, burst in enumerate(bursts(customers)):
            blow = storm.freeze if number % 4 == 3 else storm.kill
            blow("processors", given(burst, world))
        storm.until_it_is_over()
    assert storm.hits["processors killed"]
    truth.all_is_as_the_reference_says(world, customers)


def test_workers_join_and_leave_all_the_time(world: World, seed: int) -> None:
    customers = made(seed, PEOPLE)
    rng = random.Random(seed)
    with raised(world, seed, "ab", settled=customers) as storm:
        for burst in bursts(customers):
            on_the_lanes(burst, world)
            here = {ship.instance for ship in storm.ships if ship.stage == "processors"}
            away = sorted(set("abcd") - here)
            if away and (len(here) == 1 or rng.random() < 0.5):
                storm.ships.launch("processors", rng.choice(away))
            else:
                storm.ships.leave("processors", rng.choice(sorted(here)))
            storm.pause(rng.uniform(1, 4))
        storm.until_it_is_over()
    truth.all_is_as_the_reference_says(world, customers)


def given(burst: Sequence[AnyChange], world: World) -> Callable[[object], bool]:
    """Puts a burst on the lanes, whoever is to decide it."""

    def put(_: object) -> bool:
        on_the_lanes(burst, world)
        return True

    return put


def made(seed: int, people: int) -> list[Customer]:
    return [Customer(number, seed, people // CUSTOMERS) for number in range(CUSTOMERS)]


def mixed(customers: Sequence[Customer]) -> list[AnyChange]:
    """All changes of all of them, side by side."""
    each = [
        (place / len(customer.events), change)
        for customer in customers
        for place, change in enumerate(customer.changes())
    ]
    return [change for _, change in sorted(each, key=lambda placed: placed[0])]


def bursts(customers: Sequence[Customer]) -> Iterator[list[AnyChange]]:
    changes = mixed(customers)
    for start in range(0, len(changes), BURST):
        yield changes[start : start + BURST]


@contextmanager
def raised(
    world: World,
    seed: int,
    workers: str,
    settled: Sequence[Customer] | None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Storm]:
    """Sinks and workers that have decided these customers' settings; at the end, what it was."""
    with fleet(world) as ships, logs(world) as read:
        for instance in "ab":
            ships.launch("sinks", instance)
        for instance in workers:
            ships.launch("processors", instance, env)
        ships.until_ready()
        storm = Storm(ships, read, random.Random(seed))
        for customer in settled or ():
            on_the_lanes(customer.settings(), world)
        storm.until(lambda: settled is None or read.all_is_done())
        yield storm
        storm.tell()
        truth.nothing_is_dead(world)
