"""One owner a partition, and all of a step or nothing: on the real broker."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from processors.transaction import Record, Transaction, TransactionError
from schemas import codec, kafka, limits
from schemas.codec import Output
from tests.harness import World
from tests.sinks.messages import user

pytestmark = pytest.mark.kafka
FENCE_SECONDS = 10.0
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def run() -> Iterator[Run]:
    with asyncio.Runner() as runner:
        yield runner.run


def step(world: World, *outputs: Output) -> list[Record]:
    """What a step writes: outputs, and two state records."""
    records = [
        Record(
            world.settings.topic(codec.topic_of(output)),
            output.tenant_id.encode(),
            codec.encode(output),
        )
        for output in outputs
    ]
    changelog = world.settings.topic("state-changelog")
    return [*records, Record(changelog, b"key", b"{}"), Record(changelog, b"other", b"{}")]


def users(world: World) -> list[str]:
    """Whom the committed steps are about."""
    world.until_readable("directory-events")
    return [event.user_id for event in world.messages("directory-events")]


def test_a_step_is_there_as_a_whole_and_says_where_the_changelog_ends(
    world: World, run: Run
) -> None:
    owner = Transaction(world.settings, 0)
    run(owner.fence(FENCE_SECONDS))
    first = run(owner.commit(step(world, user("ann"), user("ben"))))
    second = run(owner.commit(step(world, user("cid"))))
    assert (first, second) == (1, 4)  # a marker stands between them
    assert users(world) == ["ann", "ben", "cid"]


def test_a_new_owner_ends_the_older_one(world: World, run: Run) -> None:
    older, newer = (Transaction(world.settings, 0) for _ in range(2))
    run(older.fence(FENCE_SECONDS))
    run(older.commit(step(world, user("ann"))))
    run(newer.fence(FENCE_SECONDS))
    with pytest.raises(TransactionError, match=r"_FENCED.*newer owner"):
        run(older.commit(step(world, user("ghost"))))
    run(newer.commit(step(world, user("ben"))))
    assert users(world) == ["ann", "ben"]


def test_what_a_dead_owner_left_open_is_never_seen(world: World, run: Run) -> None:
    dead = Producer(kafka.transaction_producer(world.settings, 0))
    dead.init_transactions(FENCE_SECONDS)
    dead.begin_transaction()
    ghost = user("ghost")
    dead.produce(world.settings.topic("directory-events"), codec.encode(ghost), b"acme", 0)
    assert dead.flush(FENCE_SECONDS) == 0
    owner = Transaction(world.settings, 0)
    run(owner.fence(FENCE_SECONDS))
    run(owner.commit(step(world, user("ann"))))
    assert users(world) == ["ann"]


def test_a_refused_record_takes_the_whole_step_with_it(world: World, run: Run) -> None:
    owner = Transaction(world.settings, 0)
    run(owner.fence(FENCE_SECONDS))
    too_large = Record(world.settings.topic("audit-entries"), b"k", bytes(limits.OUTPUT_MESSAGE))
    with pytest.raises(TransactionError, match=r"MSG_SIZE_TOO_LARGE.*larger than its topic"):
        run(owner.commit([*step(world, user("ghost")), too_large]))
    restarted = Transaction(world.settings, 0)
    run(restarted.fence(FENCE_SECONDS))
    run(restarted.commit(step(world, user("ann"))))
    assert users(world) == ["ann"]
