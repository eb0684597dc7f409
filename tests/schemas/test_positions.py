"""What a position means on the log of today: the same message, or a refusal that says why."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.partitions import partition_of
from schemas.positions import LogMismatchError, LogReader
from schemas.state import Position
from tests.core import scenario
from tests.core.scenario import reported
from tests.harness import PARTITIONS, World

pytestmark = pytest.mark.kafka
PEOPLE = [reported(name) for name in ("ann", "ben", "cid")]


@pytest.fixture
def place(world: World) -> TopicPartition:
    """A lane with three messages."""
    world.produce("directory-changes", *PEOPLE)
    number = partition_of(scenario.TENANT, PARTITIONS)
    return TopicPartition(world.settings.topic("directory-changes"), number)


@pytest.fixture
def reader(world: World) -> Iterator[LogReader]:
    with closing(LogReader(world.settings)) as reads:
        yield reads


def at(offset: int, ce_id: str, topic_id: str = "a") -> Position:
    return Position(topic_id=topic_id, offset=offset, ce_id=ce_id)


def test_reading_goes_on_after_the_message_that_was_applied(
    reader: LogReader, place: TopicPartition
) -> None:
    assert reader.next_offset(place, "a", None) == 0
    assert reader.next_offset(place, "a", at(0, PEOPLE[0].change_id)) == 1
    assert reader.next_offset(place, "a", at(2, PEOPLE[2].change_id)) == 3


@pytest.mark.parametrize(
    ("position", "says"),
    [
        (at(1, PEOPLE[1].change_id, topic_id="b"), "was made anew"),
        (at(1, PEOPLE[2].change_id), "another history"),
        (at(3, "never-written"), "Kafka is older"),
    ],
)
def test_a_log_of_another_history_is_refused(
    reader: LogReader, place: TopicPartition, position: Position, says: str
) -> None:
    with pytest.raises(LogMismatchError, match=says):
        reader.next_offset(place, "a", position)


def test_what_retention_took_is_seen(
    world: World, reader: LogReader, place: TopicPartition
) -> None:
    admin = AdminClient({"bootstrap.servers": world.settings.require_kafka()})
    (answer,) = admin.delete_records([TopicPartition(place.topic, place.partition, 2)]).values()
    answer.result()
    assert reader.next_offset(place, "a", at(1, PEOPLE[1].change_id)) == 2
    with pytest.raises(LogMismatchError, match="nobody applied"):
        reader.next_offset(place, "a", at(0, PEOPLE[0].change_id))
    # read to here, and only markers of transactions stood there: nothing is lost
    assert reader.next_offset(place, "a", at(0, PEOPLE[0].change_id), reached=2) == 2
    with pytest.raises(LogMismatchError, match="nothing of it was ever applied"):
        reader.next_offset(place, "a", None)
