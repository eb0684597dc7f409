"""The worker as a process on the real broker: what it decides, and where it goes on."""

import shutil
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.events import PersonDeprovisioned
from schemas.partitions import partition_of
from tests.core.scenario import deleted, joined, mapping, reported, tenant
from tests.harness import PARTITIONS, World
from tests.processors.telling import PARTITION, SECONDS, provisioned, settings, told
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
PEOPLE = 250
"""More than two chunks of follow-up work."""


def test_reading_goes_on_where_the_state_is_whatever_kafka_has_committed(world: World) -> None:
    with world.process("processors") as worker:
        told(world, *settings(), reported("ann"))
        assert eventually(lambda: provisioned(world), SECONDS) == ["Ann Lee"]
        worker.kill()
    told(world, reported("ben"), reported("cid"))
    place = TopicPartition(world.settings.topic("directory-changes"), PARTITION, 7)
    group = ConsumerGroupTopicPartitions(world.settings.application, [place])
    admin = AdminClient({"bootstrap.servers": world.settings.require_kafka()})
    eventually(lambda: _committed(admin, group), SECONDS)
    with world.process("processors"):
        names = eventually(lambda: (found := provisioned(world))[2:] and found, SECONDS)
        assert names == ["Ann Lee", "Ben Lee", "Cid Lee"]


def test_a_worker_whose_disk_is_gone_knows_what_it_decided(world: World) -> None:
    with world.process("processors") as worker:
        told(world, *settings(), reported("ann"))
        eventually(lambda: provisioned(world), SECONDS)
        worker.kill()
    shutil.rmtree(world.settings.state_folder)
    with world.process("processors"):
        told(world, deleted("ann"))
        (event,) = eventually(lambda: world.messages("deprovisions-v1"), SECONDS)
        assert isinstance(event, PersonDeprovisioned)
        assert event.member.display_name == "Ann Lee"


def test_what_does_not_decode_is_a_dead_letter_and_holds_nothing_up(world: World) -> None:
    producer = Producer({"bootstrap.servers": world.settings.require_kafka()})
    lane = world.settings.topic("directory-changes")
    with world.process("processors"):
        told(world, *settings())
        for key, value in ((b"acme", b"\xff{"), (b"\xff" * 600_000, b"{}"), (None, None)):
            producer.produce(lane, value, key, PARTITION, headers=[("ce_id", b"bad")])
        assert producer.flush(SECONDS) == 0
        told(world, reported("ann", directory="directory_unknown"), reported("ben"))
        eventually(lambda: provisioned(world) == ["Ben Lee"], SECONDS)
        letters = world.messages("dead-letters")
        reasons = [letter.reason for letter in letters]
        assert reasons == ["undecodable", "undecodable", "undecodable", "undecidable"]
        assert [letter.offset for letter in letters] == [4, 5, 6, 7]
        assert letters[0].value == b"\xff{"
        assert "directory_unknown" in letters[3].detail


def test_follow_up_work_survives_a_kill_and_is_done_once(world: World) -> None:
    people = [f"p{n}" for n in range(PEOPLE)]
    told(world, *settings(), *map(reported, people))
    told(world, *(joined(each, "admins") for each in people))
    with world.process("processors") as worker:
        eventually(lambda: len(provisioned(world)) == PEOPLE, SECONDS)
        told(world, mapping("admins", "admin"))
        eventually(lambda: _promoted(world), SECONDS)
        worker.kill()
    with world.process("processors"):
        eventually(lambda: len(_promoted(world)) >= PEOPLE, SECONDS)
    promoted = _promoted(world)
    assert len(promoted) == len(set(promoted)) == PEOPLE


def test_every_partition_decides_for_its_own_tenants(world: World) -> None:
    tenants = [f"tenant-{n}" for n in range(8)]
    with world.process("processors"):
        told(world, *(tenant(each, name=each) for each in tenants))
        eventually(lambda: len(world.messages("directory-events")) == 2 * len(tenants), SECONDS)
    assert len({partition_of(each, PARTITIONS) for each in tenants}) == PARTITIONS


def _promoted(world: World) -> list[str]:
    events: list[Any] = world.messages("access-events-v1")
    return [e.member.member_id for e in events if type(e).__name__ == "MemberRoleChanged"]


def _committed(admin: AdminClient, group: ConsumerGroupTopicPartitions) -> bool:
    """Set a group's offsets; refused while the broker still believes in its dead member."""
    (answer,) = admin.alter_consumer_group_offsets([group]).values()
    return answer.exception() is None
