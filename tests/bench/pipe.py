"""Records a second through the worker, through the sinks, and through both at once."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # its names

from schemas import topics
from tests.bench import bare, load
from tests.bench.figures import Figure
from tests.bench.load import APPLIED, DECIDED, Message
from tests.bench.telling import pace, told, when
from tests.harness import PARTITIONS, World

GOAL = "10,000"


def measured(world: World, people: int) -> Iterator[Figure]:
    """All of them, one world after the other's end."""
    companies = load.companies()
    each = max(1, people // 4 // len(companies))  # four times: alone and together, and in pages
    with load.opened(world, companies):
        pass
    first, second, third, fourth = (
        list(load.interleaved([company.people(*share) for company in companies]))
        for share in [(part * each, (part + 1) * each) for part in range(4)]
    )
    count, singly = len(first), load.messages(world, first)
    load.publish(world, singly)
    loop = _bare_loop(world, count)
    rate = _worker_alone(world, count)
    yield Figure("worker alone", rate, "records/s", loop, "consume and produce in transactions")
    rate = _sinks_alone(world, count)
    copied = bare.copy(world.settings.require_database(), [value for _, _, value, _, _ in singly])
    yield Figure("sinks alone", rate, "records/s", copied, "COPY of as many rows")
    load.publish(world, load.messages(world, load.pages(second)))
    rate = _worker_alone(world, count)
    yield Figure("worker alone, in pages of 100", rate, "records/s", loop, "the same loop")
    _sinks_alone(world, count)
    rate = _both(world, load.messages(world, third), count)
    yield Figure("whole pipe", rate, "records/s", loop, "the same loop")
    rate = _both(world, load.messages(world, load.pages(fourth)), count)
    yield Figure("whole pipe, in pages of 100", rate, "records/s", loop, "the same loop", GOAL)


def _bare_loop(world: World, count: int) -> float:
    kafka, target = world.settings.require_kafka(), f"{world.settings.topic_prefix}bare"
    with AdminClient({"bootstrap.servers": kafka}) as admin:
        admin.create_topics([NewTopic(target, PARTITIONS)])[target].result(30)
    asked = {
        "kafka": kafka,
        "source": world.settings.topic(topics.CHANGES.name),
        "target": target,
        "partitions": PARTITIONS,
        "count": count,
    }
    program = [sys.executable, "-m", bare.__name__, json.dumps(asked)]
    return float(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


def _worker_alone(world: World, count: int) -> float:
    with world.process("processors") as worker:
        return pace(lambda: told(worker.health, DECIDED), count)


def _sinks_alone(world: World, records: int) -> float:
    with world.process("sinks") as sinks:
        begun = when(lambda: told(sinks.health, APPLIED) > 0)
        return records / (load.applied(sinks) - begun)


def _both(world: World, made: list[Message], count: int) -> float:
    with world.processes("processors", "sinks") as both:
        worker, sinks = both["processors"], both["sinks"]
        load.applied(sinks, -1)
        begun = time.perf_counter()
        load.publish(world, made)
        load.decided(worker, count)
        return count / (load.applied(sinks) - begun)
