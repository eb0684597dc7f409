"""How far a sink is behind, as its clients know it without asking the broker."""

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, TopicPartition

from schemas import metrics
from sinks.positions import Place


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
                for gauge in (metrics.LAG_MESSAGES, metrics.LAG_SECONDS, metrics.POSITION_MOVED):
                    gauge.remove(*self._series(place))

    def applied(self, place: Place, offset: int, came_at: float) -> None:
        """Everything up to a message is applied, which the broker got at `came_at`."""
        self.read_to(place, offset + 1)  # the end of its log may have come with it
        self._moved_at[place] = time.time()
        self._fresh_at[place] = came_at

    def read_to(self, place: Place, end: int) -> None:
        """Nothing but markers of transactions stands before `end`."""
        self._next[place] = max(self._next.get(place, 0), end)

    def show(self, consumer: Consumer) -> None:
        """Set the gauges; what waits came after the newest message that is applied."""
        now = time.time()
        for place, due in self._next.items():
            _, end = consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            behind = max(0, end - due)  # an end that is not known yet is negative
            if not behind:
                self._fresh_at[place] = now
            series = self._series(place)
            metrics.LAG_MESSAGES.labels(*series).set(behind)
            metrics.LAG_SECONDS.labels(*series).set(max(0.0, now - self._fresh_at[place]))
            metrics.POSITION_MOVED.labels(*series).set(self._moved_at[place])

    def _series(self, place: Place) -> tuple[str, str, str]:
        topic, partition = place
        return self._sink, self._names[topic], str(partition)
