"""The loop of all sinks, on a real Kafka: nothing twice, nothing lost, and when it leaves."""

from contextlib import closing

import pytest
from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy import installation
from schemas import limits, topics
from schemas.partitions import partition_of
from schemas.positions import LogMismatchError, LogReader
from sinks import audit_log
from sinks.connection import connect
from sinks.consumer import SinkLoop, all_sinks
from sinks.positions import MovedOnError, Positions
from sinks.readiness import Readiness
from tests.harness import PARTITIONS, Process, World
from tests.sinks.conftest import WAIT_SECONDS
from tests.sinks.messages import entry
from tests.waiting import eventually

AUDIT = topics.AUDIT_ENTRIES.name
WAITING = """
    SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE NOT granted AND datname = current_database()
"""
LETTERS = 'SELECT "offset", attempts, settled FROM dead_letter ORDER BY number'
LOGGED = "SELECT entry_id FROM audit_entry ORDER BY sequence"


def test_sinks_read_what_the_table_of_topics_says() -> None:
    said = {reader for topic in topics.TOPICS for reader in topic.read_by}
    table = {name: {t for t in topics.TOPICS if name in t.read_by} for name in said}
    read = {name: set(sink.topics) for name, sink in all_sinks().items()}
    assert read == {name: table[name] for name in said - {"processors", "product"}}


def said(world: World, *sentences: str) -> None:
    """Each sentence in a transaction of its own, so that markers stand between them."""
    for sentence in sentences:
        world.produce(AUDIT, entry(sentence))


def logged(world: World, count: int) -> list[str]:
    eventually(lambda: len(world.rows(LOGGED)) >= count, WAIT_SECONDS)
    return [row["entry_id"] for row in world.rows(LOGGED)]


def published(world: World) -> list[str]:
    return [message.event_id for message in world.messages(AUDIT)]


def ended(process: Process) -> str:
    """What a process said that ended by itself."""
    assert process.until_ended() == 1
    return process.log.read_text()


def test_a_log_that_retention_emptied_after_all_was_applied_is_no_loss(world: World) -> None:
    topic, number = world.settings.topic(AUDIT), partition_of("acme", PARTITIONS)
    beyond = 'SELECT FROM sink_position WHERE topic = %s AND reached > "offset" + 1'
    with world.process("sinks") as process:
        said(world, "one")
        eventually(lambda: world.rows(beyond, topic), WAIT_SECONDS)
        process.kill()
    admin = AdminClient({"bootstrap.servers": world.settings.require_kafka()})
    (answer,) = admin.delete_records([TopicPartition(topic, number, OFFSET_END)]).values()
    answer.result()
    with world.process("sinks"):
        said(world, "two")
        assert len(logged(world, 2)) == 2


def test_a_killed_sink_goes_on_where_it_was(world: World) -> None:
    with world.process("sinks") as process:
        said(world, "one", "two")
        logged(world, 2)
        process.kill()
    said(world, "three")
    with world.process("sinks"):
        said(world, "four")
        assert logged(world, 4) == published(world)


def test_a_killed_sink_leaves_no_half_batch(world: World) -> None:
    """It is killed between the rows and their commit, held there by a lock on what it reads."""
    with world.connection() as owner:
        with world.process("sinks") as process:
            owner.execute("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE")
            said(world, "one")
            eventually(lambda: world.rows(WAITING), WAIT_SECONDS)
            process.kill()
        owner.rollback()
    assert world.rows("SELECT FROM audit_entry") == []
    assert world.rows("SELECT FROM sink_position") == []
    with world.process("sinks"):
        assert logged(world, 1) == published(world)


def test_of_two_owners_of_a_partition_one_leaves(world: World) -> None:
    """Another group gets all partitions, too: as after a split, both believe that they own them."""
    name = f"{world.settings.installation}-split"
    split = {"ROLLCALL_INSTALLATION": name}
    same_topics = world.settings.model_copy(update={"installation": name})
    installation.create_topics(same_topics, PARTITIONS)
    with (
        world.process("sinks", "a", env=split) as first,
        world.process("sinks", "b") as second,
    ):
        said(world, "one", "two")
        eventually(lambda: {first.status(), second.status()} != {None}, WAIT_SECONDS)
        loser = first if first.status() is not None else second
        log = ended(loser)
        assert "Another process has moved audit_log on" in log
        assert "exc_type" not in log
        said(world, "three")
        assert logged(world, 3) == published(world)


def test_a_partition_that_another_moved_on_is_not_held(world: World) -> None:
    """Dead letters are tried again only by the one owner, though no position moves by that."""
    said(world, "one", "two")
    place = (world.settings.topic(AUDIT), partition_of("acme", PARTITIONS))
    first, second = (Positions("audit_log", world.installation) for _ in range(2))
    with closing(LogReader(world.settings)) as reader, connect(world.settings) as sink:
        sink.autocommit = True
        first.take(sink, reader, [TopicPartition(*place)])
        one, two = (first.at(place, 2 * n, each) for n, each in enumerate(published(world)))
        first.move(sink, {place: one})
        second.take(sink, reader, [TopicPartition(*place)])
        second.hold(sink, place)
        first.moved({place: one})
        first.move(sink, {place: two})
        with pytest.raises(MovedOnError):
            second.hold(sink, place)


def test_the_end_of_a_log_is_forgotten_with_the_partition(world: World) -> None:
    """What was handed out up to there is dropped, so it is not applied: it must come again."""
    said(world, "one")
    place = (world.settings.topic(AUDIT), partition_of("acme", PARTITIONS))
    owned = [TopicPartition(*place)]
    positions = Positions("audit_log", world.installation)
    with closing(LogReader(world.settings)) as reader, connect(world.settings) as sink:
        sink.autocommit = True
        positions.take(sink, reader, owned)
        (one,) = (positions.at(place, 0, each) for each in published(world))
        positions.move(sink, {place: one})
        positions.moved({place: one})
        positions.saw_end(place, 50)
        positions.drop(owned)
        positions.saw_end(place, 50)
        positions.take(sink, reader, owned)
        positions.save_ends(sink)
    assert world.rows("SELECT reached FROM sink_position") == [{"reached": 0}]


def test_a_frozen_process_that_wakes_writes_nothing(world: World) -> None:
    """Frozen with a batch in its hands, it wakes after another took over."""
    with world.process("sinks", "a") as frozen, world.connection() as owner:
        owner.execute("LOCK TABLE sink_position IN EXCLUSIVE MODE")
        said(world, "one")
        eventually(lambda: world.rows(WAITING), WAIT_SECONDS)
        frozen.freeze()
        owner.rollback()
        with world.process("sinks", "b"):
            assert logged(world, 1) == published(world)
            frozen.thaw()
            assert '"sink": "audit_log"' in ended(frozen)  # Postgres ended its transaction
            said(world, "two")
            assert logged(world, 2) == published(world)


def put(world: World, *values: bytes) -> None:
    """Somebody else's messages on the topic of the audit log."""
    producer = Producer({"bootstrap.servers": world.stack.kafka})
    for value in values:
        producer.produce(
            world.settings.topic(AUDIT),
            key="acme",
            value=value,
            partition=partition_of("acme", PARTITIONS),
            headers=[("ce_id", b"a\0b")],
        )
    assert producer.flush(WAIT_SECONDS) == 0


def test_what_does_not_decode_is_put_aside_and_the_rest_goes_on(world: World) -> None:
    with world.process("sinks") as process:
        put(world, b"{}")
        said(world, "one")
        logged(world, 1)
        put(world, b"{}")
        eventually(lambda: len(world.rows(LETTERS)) == 2, WAIT_SECONDS)
        process.kill()
    with world.process("sinks"):  # its position, the bad message, is still in the log
        said(world, "two")
        logged(world, 2)
    assert [(row["offset"], row["attempts"]) for row in world.rows(LETTERS)] == [(0, 1), (3, 1)]


def test_after_the_repair_a_restart_applies_what_was_put_aside(world: World) -> None:
    with world.process("sinks") as process, world.connection() as owner:
        owner.execute("ALTER TABLE audit_entry ADD CONSTRAINT odd CHECK (sentence <> 'two')")
        owner.commit()
        said(world, "one", "two", "three")
        logged(world, 2)
        owner.execute("ALTER TABLE audit_entry DROP CONSTRAINT odd")
        owner.commit()
        process.kill()
    with world.process("sinks") as process:
        logged(world, 3)
        said(world, "four")
        logged(world, 4)
        assert [row["settled"] for row in world.rows(LETTERS)] == ["replayed"]
        assert process.stop() == 0
    with world.connection() as owner:
        assert audit_log.verify(owner, "acme") == 4


def test_too_many_dead_letters_end_the_process_with_a_sentence(world: World) -> None:
    with world.process("sinks") as process:
        put(world, *[b"{}"] * limits.BUDGET_LETTERS)
        log = ended(process)
    assert f"audit_log could not apply {limits.BUDGET_LETTERS} of the last 1000 messages" in log
    assert "exc_type" not in log
    assert 0 < len(world.rows(LETTERS)) < limits.BUDGET_LETTERS


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("topic_id = 'another'", "was made anew .* the position speaks of another"),
        ("ce_id = 'another'", "but another was applied there: this log has another history"),
        ('"offset" = 99', "but 99 was applied: Kafka is older"),
    ],
)
def test_a_log_that_is_not_the_one_that_was_applied_is_refused(
    world: World, change: str, sentence: str
) -> None:
    said(world, "one")
    world.rows(
        "INSERT INTO sink_position VALUES ('audit_log', %s, %s, %s, 0, %s) RETURNING sink",
        world.settings.topic(AUDIT),
        partition_of("acme", PARTITIONS),
        world.installation.topic_ids[world.settings.topic(AUDIT)],
        published(world)[0],
    )
    world.rows(f"UPDATE sink_position SET {change} RETURNING sink")
    readiness = Readiness(["audit_log"], lambda: None)
    loop = SinkLoop(world.settings, world.installation, "audit_log", audit_log, readiness)
    with closing(loop), pytest.raises(LogMismatchError, match=sentence):
        loop.run(stopping=lambda: False)
