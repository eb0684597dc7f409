"""What a large customer costs: recovery, memory, and a group of everybody."""

import time
from collections.abc import Iterator
from contextlib import closing
from statistics import median

import psutil  # type: ignore[import-untyped]
from confluent_kafka import Consumer, TopicPartition

from deploy.supervisor import RESTART_SECONDS
from schemas import topics
from schemas.partitions import partition_of
from tests.bench import load
from tests.bench.company import Company
from tests.bench.figures import Figure
from tests.bench.telling import told
from tests.harness import PARTITIONS, STOP_SECONDS, Process, World

JOINS = 40
SMALL, LARGE = "group-small", "group-0"
FEW = 10


def measured(world: World, people: int) -> Iterator[Figure]:
    """People of one tenant, each in four groups, one of which holds all of them."""
    company = load.companies()[0]
    changes = list(company.people(0, people))
    made = load.messages(world, load.pages(changes))
    with load.opened(world, [company]) as worker:
        empty = _memory(worker)
        before = told(worker.health, load.DECIDED)
        load.publish(world, made)
        load.decided(worker, before + len(changes))
        grown = _memory(worker) - empty
        yield Figure("memory of a worker for each person", grown / people, "bytes")
        small, large = _joining(world, worker, company, people)
        yield Figure(
            f"a member joins a group of {people:,}", large, "ms", small, f"a group of {FEW}", "1"
        )
        worker.kill()
        killed_at = time.perf_counter()
        time.sleep(RESTART_SECONDS)  # as the supervisor does
    with world.process("processors", ready=False) as again:
        load.publish(world, load.messages(world, [company.person(0)]))
        again.until_ready()
        seconds = load.decided(again, 1) - killed_at
    yield Figure(
        f"a killed worker with {people:,} people and {4 * people:,} memberships decides again",
        seconds,
        "s",
        goal=f"3 s, of which {RESTART_SECONDS:g} s before its start",
    )


def _memory(worker: Process) -> int:
    return int(psutil.Process(worker.pid).memory_info().rss)


def _joining(world: World, worker: Process, company: Company, people: int) -> tuple[float, float]:
    """Milliseconds from a membership's publication to its event, in the small and the large."""
    people_of_small = [company.joins(number, SMALL) for number in range(FEW)]
    already = told(worker.health, load.DECIDED)
    load.publish(world, load.messages(world, people_of_small))
    load.decided(worker, already + FEW)
    newcomers = [company.person(people + number) for number in range(2 * JOINS)]
    load.publish(world, load.messages(world, newcomers))
    load.decided(worker, already + FEW + len(newcomers))
    taken: dict[str, list[float]] = {SMALL: [], LARGE: []}
    with closing(_reader(world, company)) as reader:
        for number in range(JOINS):
            for group, joined in taken.items():
                made = load.messages(world, [company.joins(people + number, group)])
                begun = time.perf_counter()
                load.publish(world, made)
                while (told_of := reader.poll(10)) is None or told_of.error() is not None:
                    assert told_of is not None, "nothing was told of a membership"
                joined.append((time.perf_counter() - begun) * 1_000)
    return median(taken[SMALL]), median(taken[LARGE])


def _reader(world: World, company: Company) -> Consumer:
    """Reads what is told from now on of the company's directory."""
    reader = Consumer(
        {
            "bootstrap.servers": world.settings.require_kafka(),
            "group.id": "bench",  # required by the client, never joined
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
        }
    )
    topic = world.settings.topic(topics.DIRECTORY_EVENTS.name)
    world.until_readable(topics.DIRECTORY_EVENTS.name)
    place = TopicPartition(topic, partition_of(company.tenant_id, PARTITIONS))
    _, end = reader.get_watermark_offsets(place, STOP_SECONDS)
    reader.assign([TopicPartition(place.topic, place.partition, end)])
    return reader
