"""What becomes of the stages when a topic is another one, has more partitions, or lost records."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from deploy import installation
from deploy.errors import InstallationError
from schemas import topics
from schemas.partitions import partition_of
from schemas.positions import LogMismatchError, LogReader
from schemas.state import Position
from tests.core import scenario
from tests.core.scenario import reported
from tests.deploy.broker import Broker
from tests.harness import PARTITIONS, World
from tests.processors.telling import made_anew, settings, told
from tests.sinks.messages import entry
from tests.states.stages import ALL, SECONDS, is_applied, posted, running
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
CHANGES, AUDIT = topics.CHANGES.name, topics.AUDIT_ENTRIES.name
PARTITION = partition_of(scenario.TENANT, PARTITIONS)


@pytest.fixture
def broker(world: World) -> Iterator[Broker]:
    """Whoever administers Kafka behind our back."""
    with AdminClient({"bootstrap.servers": world.settings.require_kafka()}) as admin:
        yield Broker(admin)


def test_topics_that_are_made_anew_while_all_runs_are_noticed_by_who_uses_them(
    world: World,
) -> None:
    told(world, *settings())
    with running(world, *ALL) as stages:
        eventually(lambda: world.rows("SELECT FROM directory") and is_applied(world), SECONDS)
        made_anew(world, AUDIT)
        sinks, worker = stages.until_ended("sinks"), stages.until_ended("processors")
        assert sinks.status == 1
        assert "no longer holds what is due" in sinks.said
        assert worker.status == 70
        assert re.search("The topic [^ ]+ (was made anew|is gone) while we run", worker.said)
        made_anew(world, CHANGES)
        # The gateway writes on: what it took stands in the new log, whose beginning is accepted.
        assert posted(world, scenario.DIRECTORY).is_success
        assert len(world.messages(CHANGES)) == 1
    with pytest.raises(InstallationError, match=r"The topic [^ ]+ was made anew"):
        installation.load(world.settings)


def test_more_partitions_end_the_worker_and_refuse_every_start(
    world: World, broker: Broker
) -> None:
    topic = world.settings.topic(topics.DEPROVISIONS.name)
    with running(world, "processors") as stages:
        broker.add_partitions(topic, PARTITIONS + 1)
        worker = stages.until_ended("processors")
    assert worker.status == 70
    assert f"The topic {topic} has 5 partitions" in worker.said
    with pytest.raises(InstallationError, match=f"{topic} has 5 partitions, but .* 4 for life"):
        installation.load(world.settings)


def test_what_retention_took_unread_ends_who_should_have_read_it(
    world: World, broker: Broker
) -> None:
    with running(world, "processors", "sinks") as stages:
        told(world, *settings())
        eventually(lambda: world.rows("SELECT FROM directory") and is_applied(world), SECONDS)
        stages.stop("processors", "sinks")
        lane, output = world.settings.topic(CHANGES), world.settings.topic(AUDIT)
        (before,) = world.rows('SELECT "offset" FROM sink_position WHERE topic = %s', output)
        told(world, reported("ann"), reported("ben"))
        world.produce(AUDIT, entry("one"), entry("two"), entry("three"))
        broker.delete_records(lane, PARTITION, 5)
        broker.delete_records(output, PARTITION, before["offset"] + 4)
        stages.start("processors", "sinks")
        worker, sinks = stages.until_ended("processors"), stages.until_ended("sinks")
    unread = "is due: retention passed changes that nobody applied"
    assert worker.status == 70
    assert f"{lane}[{PARTITION}] begins at 5, but 4 {unread}" in worker.said
    assert sinks.status == 1
    assert unread in sinks.said


def test_a_position_on_which_a_marker_stands_is_of_another_history(world: World) -> None:
    world.produce(AUDIT, entry("one"))
    place = TopicPartition(world.settings.topic(AUDIT), PARTITION)
    with closing(LogReader(world.settings)) as reader:
        with pytest.raises(LogMismatchError, match="holds nothing at 1, but x was applied there"):
            reader.next_offset(place, "a", Position(topic_id="a", offset=1, ce_id="x"))
        accepted = Position(topic_id="a", offset=1, ce_id="")
        assert reader.next_offset(place, "a", accepted) == 2
