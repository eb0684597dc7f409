"""Where reading goes on, and whether the log is still the one that we read (DESIGN §5.4, 5.9).

Processors and sinks keep their own positions and ask here what a position means on the log of
today.
"""

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas import kafka
from schemas.envelope import header
from schemas.settings import Settings
from schemas.state import Position

_ACCEPT = "`rollcall positions accept`"
_PATIENCE = 10.0  # seconds for one question to the broker


class LogMismatchError(RuntimeError):
    """The log and what we know of it belong to different histories.

    The text says which is older.
    """


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What `rollcall topics create` fixed for life, as stored in Postgres."""

    cluster_id: str
    partitions: int
    topic_ids: dict[str, str]
    """By the topic's name on the broker."""


class LogReader:
    """Asks the broker about single places of a log; opens one consumer, joins no group."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = Consumer(kafka.peek_consumer(settings))

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def bounds(self, place: TopicPartition) -> tuple[int, int]:
        """The first offset that a log still holds, and the one after its last."""
        low, end = self._consumer.get_watermark_offsets(place, timeout=_PATIENCE)
        return low, end

    def next_offset(
        self, place: TopicPartition, topic_id: str, position: Position | None, reached: int = 0
    ) -> int:
        """The offset at which reading goes on after `position`; the log's beginning without one.

        `reached` is how far the log was read beyond the position, where only markers of
        transactions stood: retention may take all of it, and nothing is lost.

        Raises:
            LogMismatchError: the position speaks of another topic, of an offset outside the log,
                or of a message that is not the one that stands there.
        """
        low, end = self._consumer.get_watermark_offsets(place, timeout=_PATIENCE)
        where = f"{place.topic}[{place.partition}]"
        if position is None:
            if low > 0:
                raise LogMismatchError(
                    f"{where} begins at {low}, and nothing of it was ever applied: changes below"
                    f" are lost. Reconcile the directories, then accept the gap: {_ACCEPT}."
                )
            return low
        if position.topic_id != topic_id:
            raise LogMismatchError(
                f"{where} was made anew (its id is {topic_id}, the position speaks of"
                f" {position.topic_id}): Kafka is younger than what was applied. Restore the right"
                f" one, or accept it: {_ACCEPT}."
            )
        after = max(position.offset + 1, reached)
        if after > end:
            raise LogMismatchError(
                f"{where} ends at {end}, but {position.offset} was applied: Kafka is older than"
                f" what was applied. Restore it, or accept the loss: {_ACCEPT}."
            )
        if after < low:
            raise LogMismatchError(
                f"{where} begins at {low}, but {after} is due: retention passed changes that"
                f" nobody applied. Reconcile the directories, then accept the gap: {_ACCEPT}."
            )
        self._same_message(place, position, low, where)
        return after

    def _same_message(
        self, place: TopicPartition, position: Position, low: int, where: str
    ) -> None:
        if position.offset < low:
            return  # retention took it: nothing to compare
        found = self._ce_id_at(place, position.offset)
        # Where no message stands, as on a transaction's marker, only an accepted position can be.
        if (found or "") != position.ce_id:
            raise LogMismatchError(
                f"{where} holds {found or 'nothing'} at {position.offset}, but"
                f" {position.ce_id or 'nothing'} was applied there: this log has another history."
                f" Restore the right one, or accept it: {_ACCEPT}."
            )

    def _ce_id_at(self, place: TopicPartition, offset: int) -> str | None:
        """The ce_id of the message at an offset; None if no message stands there."""
        self._consumer.assign([TopicPartition(place.topic, place.partition, offset)])
        try:
            message = self._consumer.poll(_PATIENCE)
        finally:
            self._consumer.unassign()
        if message is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 # its own name
        if message.offset() != offset:
            return None
        if (error := message.error()) is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 # librdkafka's own name
                return None
            raise KafkaException(error)
        return header(message.headers(), "ce_id")
