"""The processes of a storm: started, killed, frozen, started again when they end by themselves."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from confluent_kafka import Message
from confluent_kafka.admin import AdminClient

from schemas import codec, state, topics
from schemas.state import Position
from tests.harness import Process, Stage, World, committed
from tests.waiting import eventually

SECONDS = 60.0


class Fleet:
    """Named processes of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ended: list[str] = []
        """Who ended by itself, and how."""
        self._open = ExitStack()
        self._running: dict[tuple[Stage, str], Process] = {}
        self._admin = AdminClient({"bootstrap.servers": world.settings.require_kafka()})

    def start(self, stage: Stage, instance: str = "a") -> None:
        entered = self._open.enter_context(self.world.process(stage, instance))
        self._running[stage, instance] = entered

    def __getitem__(self, name: tuple[Stage, str]) -> Process:
        return self._running[name]

    def replace(self, stage: Stage, instance: str = "a") -> None:
        """Kill one, as the kernel would, and start it again, as a supervisor would."""
        self[stage, instance].kill()
        self.start(stage, instance)

    def tended(self) -> bool:
        """Start again what ended by itself; True."""
        for (stage, instance), process in list(self._running.items()):
            if (status := process.status()) is not None:
                self.ended.append(f"{stage}-{instance}: {status}")
                self.start(stage, instance)
        return True

    def partitions_of(self, instance: str) -> set[int]:
        """The partitions that a worker owns, as the broker sees it."""
        name = self.world.settings.application
        (answer,) = self._admin.describe_consumer_groups([name]).values()
        return {
            place.partition
            for member in answer.result().members
            if member.group_instance_id == f"{name}-{instance}"
            for place in member.assignment.topic_partitions
            if place.topic == self.world.settings.topic(topics.CHANGES.name)
        }

    def owner_of(self, partition: int) -> str | None:
        """The worker that owns a partition, if one does."""
        return next((each for each in ("a", "b") if partition in self.partitions_of(each)), None)

    def undecided(self, partitions: set[int]) -> int:
        """How many changes on the lanes of these partitions no committed position covers."""
        decided = self._decided()
        return sum(
            (message.offset() or 0) >= decided.get((lane.name, message.partition() or 0), 0)
            for lane in topics.LANES
            for message in self._committed(lane)
            if message.partition() in partitions
        )

    def unapplied(self) -> int:
        """How many messages of the sinks' topics no position of theirs covers."""
        rows = self.world.rows('SELECT topic, partition, "offset" FROM sink_position')
        done = {(row["topic"], row["partition"]): row["offset"] for row in rows}
        return sum(
            (message.offset() or 0) > done.get((message.topic(), message.partition()), -1)
            for topic in topics.TOPICS
            if set(topic.read_by) - {"processors", "product"}
            for message in self._committed(topic)
        )

    def _decided(self) -> dict[tuple[str, int], int]:
        """The offset that is due next, by lane and partition."""
        keys = {state.position_key(lane.name): lane.name for lane in topics.LANES}
        return {
            (keys[key], message.partition() or 0): codec.decode_record(value, Position).offset + 1
            for message in self._committed(topics.STATE_CHANGELOG)
            for key, value in [(message.key() or b"", message.value())]
            if key in keys and value is not None
        }

    def _committed(self, topic: topics.Topic) -> Iterator[Message]:
        kafka = self.world.settings.require_kafka()
        return committed(kafka, self.world.settings.topic(topic.name))

    def until_all_is_applied(self) -> None:
        """Wait until nothing is undecided and nothing unapplied, whoever ends meanwhile."""
        everywhere = set(range(self.world.installation.partitions))

        def is_done() -> bool:
            return self.tended() and not (self.undecided(everywhere) or self.unapplied())

        eventually(is_done, 2 * SECONDS)


@contextmanager
def fleet(world: World) -> Iterator[Fleet]:
    """A gateway, two workers and the sinks."""
    ships = Fleet(world)
    with ships._open:
        ships.start("sinks")
        ships.start("processors", "a")
        ships.start("processors", "b")
        ships.start("gateway")
        yield ships
