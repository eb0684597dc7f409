"""How far a sink is behind, as its client knows it."""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas import limits, metrics
from sinks.positions import Place

ASK_SECONDS: Final = 1.0
"""How long Kafka may take to answer before it counts as away."""


class Lag:
    """Of the partitions that one sink owns; times are seconds since 1970."""

    def __init__(self, sink: str, names: Mapping[str, str]) -> None:
        """Measure nothing yet.

        Args:
            sink: its name.
            names: logical topic by its name on the broker.
        """
        self._sink = sink
        self._names = names
        self._answers = True
        self._asked_at = -math.inf
        self._next: dict[Place, int] = {}
        self._moved_at: dict[Place, float] = {}
        self._fresh_at: dict[Place, float] = {}

    def take(self, partitions: Iterable[TopicPartition]) -> None:
        """Measure these from now on; each one's offset is the one that is due."""
        now = time.time()
        for each in partitions:
            place = (each.topic, each.partition)
            self._next[place] = each.offset
            self._moved_at[place] = self._fresh_at[place] = now

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Measure and show these no longer."""
        for each in partitions:
            place = (each.topic, each.partition)
            if self._next.pop(place, None) is not None:
                del self._moved_at[place], self._fresh_at[place]
                for gauge in (metrics.LAG_MESSAGES, metrics.LAG_SECONDS, metrics.POSITION_MOVED):
                    gauge.remove(*self._series(place))

    def applied(self, place: Place, offset: int, came_at: float) -> None:
        """Everything up to a message is applied, which the broker got at `came_at`."""
        if place in self._next:  # else it was revoked while it was applied
            self.read_to(place, offset + 1)  # the end of its log may have come with it
            self._moved_at[place] = time.time()
            self._fresh_at[place] = came_at

    def read_to(self, place: Place, end: int) -> None:
        """Nothing but markers of transactions stands before `end`."""
        if place in self._next:  # else it was revoked since it was fetched
            self._next[place] = max(self._next[place], end)

    def show(self, consumer: Consumer) -> bool:
        """Set the gauges; what waits came after the newest message that is applied.

        Returns:
            Whether Kafka answers: if not, nobody knows what waits, and the lag grows with time.
        """
        now = time.time()
        self._ask(consumer)
        for place, due in self._next.items():
            _, end = consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            behind = max(0, end - due)  # an end that is not known yet is negative
            if self._answers and not behind:
                self._fresh_at[place] = now
            series = self._series(place)
            metrics.LAG_MESSAGES.labels(*series).set(behind)
            metrics.LAG_SECONDS.labels(*series).set(max(0.0, now - self._fresh_at[place]))
            metrics.POSITION_MOVED.labels(*series).set(self._moved_at[place])
        return self._answers

    def _ask(self, consumer: Consumer) -> None:
        """Ask Kafka for anything: the ends of logs that the client remembers never grow old."""
        if time.monotonic() - self._asked_at < limits.WATCH_SECONDS:
            return
        try:
            consumer.list_topics(next(iter(self._names)), ASK_SECONDS)
            self._answers = True
        except KafkaException:
            self._answers = False
        self._asked_at = time.monotonic()

    def _series(self, place: Place) -> tuple[str, str, str]:
        topic, partition = place
        return self._sink, self._names[topic], str(partition)
