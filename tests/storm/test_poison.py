"""One message in a hundred is poison: each is found with its reason, all others are decided."""

import random
from collections import Counter
from contextlib import closing

import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from schemas import codec, topics
from schemas.changes import AnyChange, is_urgent
from schemas.partitions import partition_of
from tests.harness import PARTITIONS, World
from tests.storm import truth
from tests.storm.history import Customer, on_the_lanes
from tests.storm.logs import logs
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
SEED = 4
SECONDS = 60.0
CUSTOMERS, PEOPLE = 2, 150
EVERY = 100
LETTERS = 'SELECT reason, topic, partition, "offset", detail, sha256 FROM dead_letter'


def test_poison_is_found_and_everything_else_is_decided(world: World) -> None:
    rng = random.Random(SEED)
    customers = [Customer(number, SEED, PEOPLE) for number in range(CUSTOMERS)]
    on_the_lanes([change for each in customers for change in each.settings()], world)
    changes = [change for each in customers for change in each.changes()]
    poison: Counter[str] = Counter()
    with world.processes("sinks", "processors"), logs(world) as read:
        eventually(lambda: len(world.rows("SELECT FROM directory")) == CUSTOMERS, SECONDS)
        for number in range(0, len(changes), EVERY):
            on_the_lanes(changes[number : number + EVERY], world)
            poison[_put_poison(world, rng, changes[number])] += 1
        eventually(read.all_is_done, SECONDS)
    found = world.rows(LETTERS)
    assert Counter(row["reason"] for row in found) == poison
    assert len({(row["topic"], row["partition"], row["offset"]) for row in found}) == len(found)
    assert all(row["detail"] and row["sha256"] for row in found)
    truth.all_is_as_the_reference_says(world, customers)


def _put_poison(world: World, rng: random.Random, like: AnyChange) -> str:
    """One bad message beside a good one; the reason that it will get."""
    value, key = codec.encode(like), like.tenant_id.encode()
    unknown = replace(like, directory_id="directory_unknown", change_id=f"unknown {rng.random()}")
    bad = [
        (key, value[: len(value) // 2], "undecodable"),
        (key, b"\xff" + value, "undecodable"),
        (key, value.replace(b'"tenant_id":"', b'"tenant_id":1,"x":"'), "undecodable"),
        (b"somebody-else", value, "undecodable"),
        (None, value, "undecodable"),
        (key, codec.encode(unknown), "undecidable"),
    ]
    key_sent, value_sent, reason = rng.choice(bad)
    lane = topics.URGENT if is_urgent(like) else topics.CHANGES
    with closing(Producer({"bootstrap.servers": world.settings.require_kafka()})) as producer:
        producer.produce(
            world.settings.topic(lane.name),
            value_sent,
            key_sent,
            partition_of(like.tenant_id, PARTITIONS),
        )
        assert producer.flush(SECONDS) == 0
    return reason
