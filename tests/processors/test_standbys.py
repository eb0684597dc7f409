"""With one standby replica: a copy follows, takes over without reading everything, ends nobody."""

import json
from collections import Counter
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from msgspec.structs import replace

from schemas import changes, topics
from schemas.partitions import partition_of
from schemas.positions import LogReader
from tests.core.scenario import deleted, reported
from tests.harness import PARTITIONS, Process, World
from tests.processors.telling import SECONDS, provisioned, settings, told
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
STANDBYS = {"ROLLCALL_STANDBY_REPLICAS": "1"}
PEOPLE = [f"p{number}" for number in range(40)]
LATER = [f"q{number}" for number in range(40)]
LAST = PARTITIONS - 1
"""The partition that the first worker keeps when a second one joins."""
TENANT = next(each for each in map(str, range(99)) if partition_of(each, PARTITIONS) == LAST)
OUTPUTS = [t.name for t in topics.TOPICS if t.written_by == "processors" and t.retention_days]


def of_tenant(*given: changes.AnyChange) -> list[changes.AnyChange]:
    return [replace(each, tenant_id=TENANT) for each in given]


def last_takeover(worker: Process) -> dict[str, Any]:
    """What a worker said when it last took over partitions."""
    lines = worker.log.read_text().splitlines()
    said: dict[str, Any] = json.loads([line for line in lines if '"took over"' in line][-1])
    return said


def end_of_changelog(world: World) -> int:
    changelog = TopicPartition(world.settings.topic(topics.STATE_CHANGELOG.name), LAST)
    _, end = LogReader(world.settings).bounds(changelog)
    return end


def test_the_standby_of_a_killed_worker_goes_on_from_its_copy(world: World) -> None:
    told(world, *of_tenant(*settings(), *map(reported, PEOPLE)))
    with (
        world.process("processors", "a", env=STANDBYS) as first,  # alone, it works as well
        world.process("processors", "b", env=STANDBYS) as second,
    ):
        assert LAST not in last_takeover(second)["partitions"]
        told(world, *of_tenant(*map(reported, LATER)))
        eventually(lambda: len(provisioned(world)) == len(PEOPLE) + len(LATER), SECONDS)
        end = end_of_changelog(world)
        first.kill()
        told(world, *of_tenant(deleted(LATER[7])))
        (event,) = eventually(lambda: world.messages("deprovisions-v1"), SECONDS)
        assert event.member.display_name == "Q7 Lee"
        taken = last_takeover(second)
        assert LAST in taken["partitions"]
        assert taken["stores"][str(LAST)] >= end - 2  # the last one is a marker
        with world.process("processors", "a", env=STANDBYS) as again:
            told(world, *of_tenant(deleted(PEOPLE[7])))
            eventually(lambda: len(world.messages("deprovisions-v1")) == 2, SECONDS)
            assert (second.status(), again.status()) == (None, None)
    times = Counter(message.event_id for name in OUTPUTS for message in world.messages(name))
    assert [event for event, count in times.items() if count > 1] == []
