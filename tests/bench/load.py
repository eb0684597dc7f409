"""Changes on their lane in bulk, and the processes that take them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Producer

from schemas import codec, ids, limits, topics
from schemas.changes import AnyChange, Inbound, Page, is_urgent
from schemas.partitions import partition_of
from tests.bench.company import MEMBERSHIPS, Company
from tests.bench.telling import told, when
from tests.harness import PARTITIONS, Process, World

Message = tuple[str, bytes, bytes, list[tuple[str, bytes]], int]
"""Topic, key, value, headers, partition."""

DECIDED = "rollcall_records_decided_total"
RECORDS_OF_A_PERSON = 1 + MEMBERSHIPS
APPLIED = "rollcall_sink_batch_messages_sum"


def companies() -> list[Company]:
    """One in each partition, so that all are busy."""
    found: dict[int, Company] = {}
    number = 0
    while len(found) < PARTITIONS:
        name = f"tenant-{number}"
        found.setdefault(partition_of(name, PARTITIONS), Company(name))
        number += 1
    return list(found.values())


def messages(world: World, changes: Iterable[Inbound]) -> list[Message]:
    """Changes as the gateway would put them on their lanes."""
    return [
        (
            world.settings.topic((topics.URGENT if is_urgent(each) else topics.CHANGES).name),
            each.tenant_id.encode(),
            codec.encode(each),
            codec.envelope_of_change(each, "bench").headers(),
            partition_of(each.tenant_id, PARTITIONS),
        )
        for each in changes
    ]


def pages(changes: Iterable[AnyChange]) -> Iterator[Page]:
    """The same in pages of 100, each of one tenant."""
    waiting: dict[str, list[Any]] = {}
    for change in changes:
        some = waiting.setdefault(change.tenant_id, [])
        some.append(change)
        if len(some) == limits.PAGE_CHANGES:
            yield _page(waiting.pop(change.tenant_id))
    yield from map(_page, waiting.values())


def _page(some: list[Any]) -> Page:
    first = some[0]
    return Page(
        change_id=ids.of_cause(first.change_id, "page"),
        tenant_id=first.tenant_id,
        recorded_at=first.recorded_at,
        changes=tuple(some),
    )


def publish(world: World, made: Iterable[Message]) -> None:
    """Put messages on their lanes, as fast as Kafka takes them."""
    producer = Producer(
        {
            "bootstrap.servers": world.settings.require_kafka(),
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for topic, key, value, headers, partition in made:
        producer.produce(topic, value, key, partition, headers=[*headers])
    assert producer.flush(120) == 0
    producer.close()


def decided(worker: Process, count: float) -> float:
    """The moment at which a worker has decided that many changes since it started."""
    return when(lambda: told(worker.health, DECIDED) >= count)


def applied(sinks: Process, before: float = 0.0) -> float:
    """The moment at which all sinks have applied all that there is."""

    def is_done() -> bool:
        return told(sinks.health, APPLIED) > before and not told(
            sinks.health, "rollcall_lag_messages"
        )

    return when(is_done)


def interleaved(made: Sequence[Iterable[AnyChange]]) -> Iterator[AnyChange]:
    """A change of each in turn."""
    iterators = [iter(each) for each in made]
    while iterators:
        for each in tuple(iterators):
            try:
                yield next(each)
            except StopIteration:
                iterators.remove(each)


@contextmanager
def opened(world: World, made: Sequence[Company]) -> Iterator[Process]:
    """A worker that has decided what an operator sets up."""
    opening = [each for company in made for each in company.opening()]
    publish(world, messages(world, opening))
    with world.process("processors") as worker:
        decided(worker, len(opening))
        yield worker
