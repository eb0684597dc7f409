"""Where each reader stands on each log, and whether it can go on there (DESIGN §5.4)."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Final

import msgspec
from confluent_kafka import TopicPartition

from deploy import database, installation
from deploy.cluster import asked
from deploy.positions.logs import Logs
from deploy.positions.memory import Memory, Progress, Remembered, unseen
from schemas.positions import LogMismatchError, LogReader
from schemas.settings import Settings
from schemas.state import Position
from schemas.topics import LANES, TOPICS, Topic

PROCESSORS: Final = "processors"
PRODUCT: Final = "product"
"""The product's own services: where they stand is theirs to know."""

READERS: Final[Mapping[str, tuple[Topic, ...]]] = {PROCESSORS: LANES} | {
    reader: tuple(topic for topic in TOPICS if reader in topic.read_by)
    for reader in sorted({name for topic in TOPICS for name in topic.read_by})
    if reader not in {PROCESSORS, PRODUCT}
}
"""Who keeps positions, and on which topics."""

STOPPED: Final = "stopped: too many dead letters"
"""The verdict on a partition whose budget is spent: `rollcall dead-letters resume`."""

_SINK_POSITIONS: Final = """
    SELECT sink, topic, partition, topic_id, "offset", ce_id, reached FROM sink_position
"""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reader stands on a partition of a topic."""

    reader: str
    """`processors`, or the name of a sink."""
    topic: str
    """Logical name."""
    partition: int
    position: Position | None
    """The last message that it applied; None before the first."""
    low: int | None = None
    """The log's first offset; None, like `end` and `lag`, where the partition is not there."""
    end: int | None = None
    """The offset after the log's last."""
    lag: int | None = None
    """Offsets that it has yet to read, markers of transactions included; None if it cannot."""
    refused: bool
    """Its position means nothing on the log of today: its process ends until that is accepted."""
    verdict: str


def standings(settings: Settings, on_progress: Progress = unseen) -> list[Standing]:
    """Where every reader stands, by reader, topic and partition.

    Raises:
        InstallationError: Kafka or Postgres is away, or is not that of this installation.
    """
    with asked(), closing(Survey(settings)) as survey:
        memories = survey.memory.of(range(survey.noted.partitions), on_progress)
        return [
            survey.standing(reader, topic.name, partition, memories[partition])
            for reader, topics in READERS.items()
            for topic in topics
            for partition in range(survey.noted.partitions)
        ]


class Survey:
    """Asks Kafka and Postgres where readers stand; call its methods within `cluster.asked`."""

    def __init__(self, settings: Settings) -> None:
        """Compare the installation with Kafka.

        Raises:
            InstallationError: see `installation.examine`.
        """
        self.settings = settings
        self.noted, self.found = installation.examine(settings)
        self._sinks = _sink_positions(settings)
        with ExitStack() as opened:
            self._reader = opened.enter_context(closing(LogReader(settings)))
            self.committed = opened.enter_context(closing(Logs(settings, committed=True)))
            self.written = opened.enter_context(closing(Logs(settings, committed=False)))
            self._clients = opened.pop_all()
        self.memory = Memory(settings, self.committed)

    def close(self) -> None:
        """Leave Kafka."""
        self._clients.close()

    def standing(self, reader: str, topic: str, partition: int, memory: Remembered) -> Standing:
        """Where a reader stands on a topic, named logically."""
        place = TopicPartition(self.settings.topic(topic), partition)
        if reader == PROCESSORS:
            position, reached = memory.positions.get(topic), 0
        else:
            position, reached = self._sinks.get((reader, place.topic, partition), (None, 0))
        is_there = partition < self.found.partitions.get(place.topic, 0)
        low, end = self.committed.ends(place) if is_there else (None, None)
        told = Standing(
            reader=reader,
            topic=topic,
            partition=partition,
            position=position,
            low=low,
            end=end,
            refused=True,
            verdict="",
        )
        try:
            lag = self._lag(place, position, reached, dense=reader == PROCESSORS)
        except LogMismatchError as mismatch:
            return msgspec.structs.replace(told, verdict=str(mismatch))
        verdict = f"behind by {lag}" if lag else "ok"
        if reader == PROCESSORS and memory.stopped:
            verdict = STOPPED
        return msgspec.structs.replace(told, lag=lag, refused=False, verdict=verdict)

    def problem_of(self, name: str) -> str | None:
        """What is wrong with a topic, named as on the broker; None if nothing is."""
        return installation.problem_of(self.settings, self.noted, self.found, name)

    def _lag(
        self, place: TopicPartition, position: Position | None, reached: int, *, dense: bool
    ) -> int:
        """How far a reader has to go.

        Raises:
            LogMismatchError: it cannot go on; the text says why, and what to do.
        """
        if (problem := self.problem_of(place.topic)) is not None:
            raise LogMismatchError(problem)
        topic_id = self.found.topic_ids[place.topic]
        due = self._reader.next_offset(place, topic_id, position, reached)
        _, end = self.committed.ends(place)
        if dense and due < end:
            self._require_no_gap(place, due, end)
        return max(end - due, 0)

    def _require_no_gap(self, place: TopicPartition, due: int, end: int) -> None:
        """An input is written without transactions, so each of its offsets holds a message."""
        message = self.committed.first_from(place, due)
        there = end if message is None else message.offset()
        if there != due:
            raise LogMismatchError(
                f"{place.topic}[{place.partition}] holds no message at {due}, which is due, and the"
                f" next one stands at {there}: what was between is lost. Reconcile the directories,"
                " then accept the gap: `rollcall positions accept`."
            )


def _sink_positions(settings: Settings) -> dict[tuple[str, str, int], tuple[Position, int]]:
    """Positions and how far logs were read beyond them, by sink, topic and partition."""
    with database.connected(settings) as connection:
        return {
            (sink, topic, partition): (
                Position(topic_id=topic_id, offset=offset, ce_id=ce_id),
                reached,
            )
            for sink, topic, partition, topic_id, offset, ce_id, reached in connection.execute(
                _SINK_POSITIONS
            )
        }
