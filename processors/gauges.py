"""Shows how far each lane is behind, as the watchdog's looks find it."""

from collections.abc import Iterable
from typing import Final, NamedTuple, get_args

from processors.lane import Lane
from processors.partition_loop import PartitionLoop, Reason
from schemas import metrics

READER: Final = "processors"

_Series = tuple[str, str, str]
"""Reader, topic and partition."""


class Behind(NamedTuple):
    """A lane, and what the broker says of its log."""

    lane: Lane
    partition: int
    end: int
    """The offset after the log's last message."""


class Gauges:
    """Remembers what it showed, so that what is somebody else's by now is shown no more."""

    def __init__(self) -> None:
        self._shown: set[_Series] = set()

    def show(self, lanes: Iterable[Behind], loops: Iterable[PartitionLoop], now: float) -> None:
        """Set everything anew; `now` is in seconds since 1970."""
        shown = {self._show(each, now) for each in lanes}
        for series in self._shown - shown:
            for gauge in (metrics.LAG_MESSAGES, metrics.LAG_SECONDS, metrics.POSITION_MOVED):
                gauge.remove(*series)
        self._shown = shown
        parked = [loop.parked for loop in loops]
        for why in get_args(Reason):
            metrics.PARTITIONS_PARKED.labels(why=why).set(parked.count(why))

    def _show(self, behind: Behind, now: float) -> _Series:
        lane, partition, end = behind
        series = (READER, lane.topic, str(partition))
        metrics.LAG_MESSAGES.labels(*series).set(max(0, end - lane.due))
        metrics.LAG_SECONDS.labels(*series).set(lane.waited(end, now))
        metrics.POSITION_MOVED.labels(*series).set(lane.moved_at)
        return series
