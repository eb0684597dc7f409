"""What stands in the logs of a world, and how far it was decided and applied: read once, and on."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, Final, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    ConsumerGroupDescription,
    OffsetSpec,
)

from schemas import codec, state, topics
from schemas.state import Position
from schemas.work import WORK
from tests.harness import Stage, World
from tests.waiting import eventually

SECONDS = 60.0
ANSWER_SECONDS = 5.0
"""For one question; a broker that is killed meanwhile never answers it."""
SINKS: Final = set().union(*(topic.read_by for topic in topics.TOPICS)) - {"processors", "product"}
QUIET: Final[dict[str, Any]] = {"log_level": 2}
"""A broker that is away is what a storm is about."""

Answer = TypeVar("Answer")
Place = tuple[str, int]
"""A topic's name on the broker, and a partition."""


class Logs:
    """One consumer on every topic of a world; it joins no group."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names = {world.settings.topic(topic.name): topic for topic in topics.TOPICS}
        self._lanes = {world.settings.topic(lane.name) for lane in topics.LANES}
        self._changelog = world.settings.topic(topics.STATE_CHANGELOG.name)
        self._positions = {
            state.position_key(lane.name): world.settings.topic(lane.name) for lane in topics.LANES
        }
        kafka = {"bootstrap.servers": world.settings.require_kafka()}
        self._kafka = kafka
        self._consumer = Consumer(
            kafka
            | QUIET
            | {
                "group.id": "tests",  # required by the client, never joined
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "reconnect.backoff.max.ms": 500,
            }
        )
        numbers = range(world.installation.partitions)
        self._next: dict[Place, int] = {(name, n): 0 for name in self._names for n in numbers}
        self._newest: dict[Place, int] = {}
        self._decided: dict[Place, int] = {}
        self._work: set[tuple[int, bytes]] = set()
        self._consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in self._next])

    def close(self) -> None:
        self._consumer.close()

    def newest(self) -> dict[Place, int]:
        """The offset of the last message that is committed at this moment, where there is one."""
        ends = eventually(lambda: _unless_away(self._ends), SECONDS)

        def is_read() -> bool:
            self._take(self._consumer.consume(10_000, 0.01))
            return all(self._next[place] >= end for place, end in ends.items())

        eventually(is_read, SECONDS)
        return dict(self._newest)

    def done(self) -> dict[Place, int]:
        """The offset of the last message that was decided or applied, where there is one."""
        self.newest()
        rows = self._world.rows('SELECT topic, partition, "offset" FROM sink_position')
        applied = {(row["topic"], row["partition"]): row["offset"] for row in rows}
        return self._decided | applied

    def left(self, newest: Mapping[Place, int], places: Iterable[Place]) -> set[Place]:
        """The places where not all of what stood there, as `newest` said, is done by now."""
        done = self.done()
        return {
            place
            for place in places
            if self._is_read_by_us(place) and newest.get(place, -1) > done.get(place, -1)
        }

    def pending(self, places: Iterable[Place]) -> int:
        """How many messages of these places are not done, markers of transactions included."""
        newest, done = self.newest(), self.done()
        mine = [place for place in places if self._is_read_by_us(place)]
        return sum(max(0, newest.get(place, -1) - done.get(place, -1)) for place in mine)

    def undecided(self, partition: int) -> int:
        """How many changes on the lanes of a partition no committed position covers."""
        newest, lanes = self.newest(), [(lane, partition) for lane in self._lanes]
        return sum(newest.get(lane, -1) - self._decided.get(lane, -1) for lane in lanes)

    def all_is_done(self) -> bool:
        """Whether nothing is left to be decided or applied, follow-up work included."""
        return not self.left(self.newest(), self._next) and not self._work

    def places_of(self, stage: Stage, instance: str) -> set[Place]:
        """What a worker or a process of sinks owns, as the broker sees it."""
        settings = self._world.settings
        groups = (
            [settings.application]
            if stage == "processors"
            else [settings.sink_group(sink) for sink in sorted(SINKS)]
        )
        described = eventually(lambda: _unless_away(lambda: self._described(groups)), SECONDS)
        return {
            (place.topic, place.partition)
            for group in described
            for member in group.members
            if member.group_instance_id == f"{group.group_id}-{instance}"
            for place in member.assignment.topic_partitions
        }

    def owner_of(self, partition: int, instances: Iterable[str]) -> str | None:
        """The worker that owns a partition, if one of these does."""
        lane = (self._world.settings.topic(topics.CHANGES.name), partition)
        return next((i for i in instances if lane in self.places_of("processors", i)), None)

    def _ends(self) -> dict[Place, int]:
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the client's
        asked = {TopicPartition(*place): newest for place in self._next}
        with self._admin() as admin:
            answers = admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ANSWER_SECONDS
            )
            return {(tp.topic, tp.partition): each.result().offset for tp, each in answers.items()}

    def _described(self, groups: list[str]) -> list[ConsumerGroupDescription]:
        with self._admin() as admin:
            answers = admin.describe_consumer_groups(groups, request_timeout=ANSWER_SECONDS)
            return [answer.result() for answer in answers.values()]

    def _admin(self) -> AdminClient:
        """A new one each time: one that knew a broker before its crash never learns better."""
        return AdminClient(self._kafka | QUIET)

    def _is_read_by_us(self, place: Place) -> bool:
        topic = self._names.get(place[0])
        return topic is not None and (
            place[0] in self._lanes or not SINKS.isdisjoint(topic.read_by)
        )

    def _take(self, messages: Iterable[Message]) -> None:
        for message in messages:
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            assert topic is not None
            assert partition is not None
            assert offset is not None
            place = (topic, partition)
            if (error := message.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                self._next[place] = max(self._next[place], offset)
                continue
            self._next[place] = offset + 1
            self._newest[place] = offset
            if topic == self._changelog:
                self._take_state(partition, message.key() or b"", message.value())

    def _take_state(self, partition: int, key: bytes, value: bytes | None) -> None:
        if lane := self._positions.get(key):
            assert value is not None
            self._decided[lane, partition] = codec.decode_record(value, Position).offset
        if not key.startswith(WORK):
            return
        if value is None:
            self._work.discard((partition, key))
        else:
            self._work.add((partition, key))


def _unless_away(ask: Callable[[], Answer]) -> Answer | None:
    """None while the broker is away or does not know itself again yet."""
    try:
        return ask()
    except KafkaException:
        return None


def logs(world: World) -> closing[Logs]:
    """To be entered."""
    return closing(Logs(world))
