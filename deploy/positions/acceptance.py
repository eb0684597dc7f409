"""What `rollcall positions accept` would change: the only way on after a loss (DESIGN §5.4)."""

from collections.abc import Sequence
from contextlib import closing
from typing import Literal

import msgspec
from confluent_kafka import TopicPartition

from deploy.cluster import asked
from deploy.errors import InstallationError, NotAcceptedError
from deploy.positions.memory import NOTHING, Progress, unseen
from deploy.positions.survey import PROCESSORS, PRODUCT, READERS, Standing, Survey
from schemas.envelope import header
from schemas.settings import Settings
from schemas.state import Position
from schemas.topics import TOPICS

At = Literal["beginning", "end"] | int
"""Where reading goes on: the log's first offset, the one after its last, or an offset."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A new position for a reader whose old one means nothing on the log of today."""

    old: Standing
    position: Position

    @property
    def sentence(self) -> str:
        """What is done, from where to where, without a full stop."""
        before = self.old.position
        return (
            f"{self.old.reader} goes on at {self.position.offset + 1} of"
            f" {self.old.topic}[{self.old.partition}], where it stood"
            f" {'at the beginning' if before is None else f'after {before.offset}'}"
        )


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What accepting would change."""

    moves: tuple[Move, ...]
    topic: str
    """Logical name."""
    topic_id: str | None
    """The id of the topic that was made anew, where the installation's note has another one."""

    @property
    def anew(self) -> str:
        """What is done about the topic, without a full stop."""
        return f"the topic {self.topic}, which was made anew, is taken for the right one"


def plan(
    settings: Settings,
    *,
    reader: str,
    topic: str,
    partition: int | None,
    at: At,
    on_progress: Progress = unseen,
) -> Plan:
    """What accepting would change: only positions that are refused are moved.

    Args:
        settings: say where Kafka and Postgres are.
        reader: `processors`, the name of a sink, or `product` for a topic that nobody else reads.
        topic: logical name.
        partition: None: every one where the position is refused.
        at: where reading goes on there.
        on_progress: told how far the state changelog was read.

    Raises:
        NotAcceptedError: nothing is refused, or there is no such reader, partition or offset.
        InstallationError: Kafka or Postgres is away; or what is wrong cannot be accepted.
    """
    _require_reader(reader, topic)
    if isinstance(at, int) and partition is None:
        raise NotAcceptedError("An offset is one partition's: say which with --partition.")
    with asked(), closing(Survey(settings)) as survey:
        topic_id = _anew(survey, topic)
        partitions = _partitions(survey, reader, topic, partition)
        refused = [
            standing
            for standing in _standings(survey, reader, topic, partitions, on_progress)
            if standing.refused
        ]
        if not refused and topic_id is None:
            raise NotAcceptedError(
                f"{reader} can go on where it stands on {topic}: there is nothing to accept."
            )
        moves = tuple(_move(survey, standing, at) for standing in refused)
        return Plan(moves=moves, topic=topic, topic_id=topic_id)


def _require_reader(reader: str, topic: str) -> None:
    reads = {PRODUCT: tuple(t for t in TOPICS if PRODUCT in t.read_by), **READERS}
    if reader not in reads:
        raise NotAcceptedError(f"There is no reader {reader}: there are {', '.join(reads)}.")
    names = [each.name for each in reads[reader]]
    if topic not in names:
        raise NotAcceptedError(f"{reader} does not read {topic}: it reads {', '.join(names)}.")


def _anew(survey: Survey, topic: str) -> str | None:
    """The new id of a topic that was made anew; None where it is the one that was noted.

    Raises:
        InstallationError: something else is wrong with the topic, which nobody can accept.
    """
    name = survey.settings.topic(topic)
    if survey.found.partitions.get(name) != survey.noted.partitions:
        raise InstallationError(survey.problem_of(name) or f"Kafka has no topic {name}.")
    topic_id = survey.found.topic_ids[name]
    return topic_id if topic_id != survey.noted.topic_ids.get(name) else None


def _partitions(survey: Survey, reader: str, topic: str, partition: int | None) -> Sequence[int]:
    every = range(survey.noted.partitions if reader != PRODUCT else 0)
    if partition is None:
        return every
    if partition not in every:
        raise NotAcceptedError(f"{reader} keeps no position on {topic}[{partition}].")
    return [partition]


def _standings(
    survey: Survey, reader: str, topic: str, partitions: Sequence[int], on_progress: Progress
) -> list[Standing]:
    if reader == PROCESSORS:
        memories = survey.memory.of(partitions, on_progress)
        return [survey.standing(reader, topic, each, memories[each]) for each in partitions]
    for each in partitions:
        survey.memory.require_whole(each)
    return [survey.standing(reader, topic, each, NOTHING) for each in partitions]


def _move(survey: Survey, old: Standing, at: At) -> Move:
    assert old.low is not None
    assert old.end is not None
    match at:
        case "beginning":
            due = old.low
        case "end":
            due = old.end
        case _:
            due = at
    if not old.low <= due <= old.end:
        raise NotAcceptedError(
            f"{old.topic}[{old.partition}] goes from {old.low} to {old.end}, so {due} is not in it."
        )
    place = TopicPartition(survey.settings.topic(old.topic), old.partition)
    topic_id = survey.found.topic_ids[place.topic]
    position = Position(topic_id=topic_id, offset=due - 1, ce_id=_ce_id(survey, place, due - 1))
    return Move(old=old, position=position)


def _ce_id(survey: Survey, place: TopicPartition, offset: int) -> str:
    """The ce_id of the message that stands there, as whoever reads on there will look for it."""
    low, end = survey.written.ends(place)
    message = survey.written.first_from(place, offset) if low <= offset < end else None
    if message is None or message.offset() != offset:
        return ""
    return header(message.headers(), "ce_id") or ""
