"""Kafka and a worker's disk that are not of one world, and what is not ours in the changelog."""

import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from deploy import installation
from schemas import topics
from tests.core.scenario import reported
from tests.harness import PARTITIONS, STOP_SECONDS, World
from tests.processors.telling import PARTITION, SECONDS, made_anew, provisioned, settings, told
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


def ends_saying(world: World, *sentences: str) -> None:
    """The next worker ends before it is ready, and says why without a traceback."""
    with world.process("processors", ready=False) as worker:
        assert worker.until_ended() == 70
    said = worker.log.read_text()
    assert [sentence for sentence in sentences if sentence not in said] == []
    assert "Traceback" not in said


def no_longer_compacted(admin: AdminClient, changelog: str) -> None:
    """An operator's mistake: compaction alone protects the changelog from what follows."""
    policy = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, changelog, incremental_configs=[policy])
    admin.incremental_alter_configs([topic])[topic].result(STOP_SECONDS)


def deleted_below(world: World, offset: int) -> None:
    """The changelog's records of the tenant's partition below an offset are gone."""
    changelog = world.settings.topic(topics.STATE_CHANGELOG.name)
    place = TopicPartition(changelog, PARTITION, offset)
    with AdminClient({"bootstrap.servers": world.settings.require_kafka()}) as admin:
        no_longer_compacted(admin, changelog)
        # Refused until the leader knows the new policy.
        eventually(lambda: admin.delete_records([place])[place].exception() is None, SECONDS)


def test_an_old_disk_beside_an_emptied_or_another_changelog_decides_nothing(world: World) -> None:
    with world.process("processors") as worker:
        told(world, *settings(), reported("ann"))
        eventually(lambda: provisioned(world) == ["Ann Lee"], SECONDS)
        worker.kill()
    deleted_below(world, 9)
    ends_saying(world, f"changelog of partition {PARTITION} begins at 9", "Restore Kafka")
    begin_anew(world)
    with world.process("processors") as worker:  # on the same disk
        told(world, *settings(), reported("ann"))
        eventually(lambda: provisioned(world) == ["Ann Lee"], SECONDS)
        assert "made from another log" in worker.log.read_text()


def begin_anew(world: World) -> None:
    """As an operator does it who has lost Kafka: new topics, and a new note of them."""
    with AdminClient({"bootstrap.servers": world.settings.require_kafka()}) as admin:
        for answer in admin.delete_topics(list(world.installation.topic_ids)).values():
            answer.result(STOP_SECONDS)
    with world.connection() as connection:
        connection.execute("DELETE FROM installation")
    world.installation = installation.create_topics(world.settings, PARTITIONS)


def test_a_changelog_record_that_cannot_be_unpacked_ends_the_worker(world: World) -> None:
    changelog = world.settings.topic(topics.STATE_CHANGELOG.name)
    servers = world.settings.require_kafka()
    with Producer({"bootstrap.servers": servers}) as producer:
        producer.produce(changelog, b"{}", b"before", PARTITION)
    with Producer({"bootstrap.servers": servers, "compression.type": "lz4"}) as producer:
        producer.produce(changelog, bytes(10_000), b"foreign", PARTITION)
    ends_saying(world, f"{changelog}[{PARTITION}] holds what cannot be read at 1", "lz4")


def test_a_changelog_record_without_a_key_ends_the_worker(world: World) -> None:
    changelog = world.settings.topic(topics.STATE_CHANGELOG.name)
    servers = world.settings.require_kafka()
    with AdminClient({"bootstrap.servers": servers}) as admin:
        no_longer_compacted(admin, changelog)
    written: list[KafkaError | None] = []
    with Producer({"bootstrap.servers": servers}) as producer:

        def is_written() -> bool:  # refused until the leader knows the new policy
            producer.produce(
                changelog, b"{}", None, PARTITION, on_delivery=lambda *told: written.append(told[0])
            )
            assert producer.flush(STOP_SECONDS) == 0
            return written[-1] is None

        eventually(is_written, SECONDS)
    ends_saying(world, f"{changelog}[{PARTITION}] holds a record without a key at 0")


def test_a_lane_that_is_made_anew_under_a_worker_ends_it(world: World) -> None:
    lane = world.settings.topic(topics.CHANGES.name)
    with world.process("processors") as worker:
        told(world, *settings(), reported("ann"))
        eventually(lambda: provisioned(world), SECONDS)
        made_anew(world, topics.CHANGES.name)
        assert worker.until_ended() == 70
    said = worker.log.read_text()
    assert lane in said
    assert "made anew" in said or "is gone" in said
    assert "Traceback" not in said
