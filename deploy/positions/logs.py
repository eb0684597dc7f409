"""Reads single records out of Kafka's logs: what stands at an offset, and what a key held last."""

import itertools
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas import kafka
from schemas.settings import Settings

FIRST_WINDOW: Final = 1_000
"""Offsets that a search from the end reads first; what is looked for was mostly written last."""
LARGEST_WINDOW: Final = 100_000
"""Offsets that one window of a long search has, so that its progress can be seen."""

_PATIENCE: Final = 10.0  # seconds for one answer of the broker
_LEADER_PATIENCE: Final = 30.0  # seconds for a partition to have a leader
_PAUSE: Final = 0.1
_NO_LEADER: Final = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
)

Progress = Callable[[int], None]
"""Is told how many offsets of a log are done with, each time that a search goes on."""

Found = dict[bytes, bytes | None]
"""Values by key; None where the key was deleted."""


class Logs:
    """One consumer that joins no group; every method raises KafkaException without an answer."""

    def __init__(self, settings: Settings, *, committed: bool) -> None:
        """Read only what was committed, or also what was aborted or is not decided yet."""
        isolation = "read_committed" if committed else "read_uncommitted"
        self._consumer = Consumer(kafka.peek_consumer(settings) | {"isolation.level": isolation})

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def ends(self, place: TopicPartition) -> tuple[int, int]:
        """The first offset of a log and the one after its last.

        Of committed records the end is where the first transaction begins that is still open.
        """
        deadline = time.monotonic() + _LEADER_PATIENCE
        while True:
            try:
                low, end = self._consumer.get_watermark_offsets(place, timeout=_PATIENCE)
            except KafkaException as error:
                # A new topic, or one that moves to another broker, has no leader for a moment.
                if error.args[0].code() not in _NO_LEADER or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
            else:
                return low, end

    def first_from(self, place: TopicPartition, offset: int) -> Message | None:
        """The first record at an offset or after it; None where the log ends without one."""
        with closing(self._records(place, offset)) as records:
            return next(records, None)

    def last_of(
        self,
        place: TopicPartition,
        keys: frozenset[bytes],
        beside: frozenset[bytes],
        on_progress: Progress,
    ) -> Found:
        """What keys held last, read from the end backwards until all of them were found.

        `beside` are keys whose last value is taken along if it stands there too. A key that was
        not found has no entry.
        """
        low, end = self.ends(place)
        found: Found = {}
        upper, size = end, FIRST_WINDOW
        while upper > low and not keys <= found.keys():
            lower = max(low, upper - size)
            found = self._window(place, lower, upper, keys | beside) | found  # the later one counts
            upper, size = lower, min(size * 4, LARGEST_WINDOW)
            on_progress(end - upper)
        on_progress(end - low)
        return found

    def _window(
        self, place: TopicPartition, lower: int, upper: int, keys: frozenset[bytes]
    ) -> Found:
        found: Found = {}
        with closing(self._records(place, lower)) as records:
            for message in itertools.takewhile(lambda each: (each.offset() or 0) < upper, records):
                if (key := message.key()) in keys:
                    found[key] = message.value()
        return found

    def _records(self, place: TopicPartition, offset: int) -> Generator[Message]:
        """The records from an offset to the end."""
        self._consumer.assign([TopicPartition(place.topic, place.partition, offset)])
        try:
            while (message := self._next()) is not None:
                yield message
        finally:
            self._consumer.unassign()

    def _next(self) -> Message | None:
        message = self._consumer.poll(_PATIENCE)
        if message is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 # its own name
        if (error := message.error()) is None:
            return message
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 # librdkafka's own name
            return None
        raise KafkaException(error)
