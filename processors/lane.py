"""What waits on one input topic of a partition, in order and without gaps."""

from collections import deque
from typing import Protocol

from schemas import limits
from schemas.envelope import Headers


class Received(Protocol):
    """A message as the consumer hands it over."""

    @property
    def offset(self) -> int:
        """Its place on the lane."""

    @property
    def timestamp(self) -> float:
        """When the broker got it, in seconds since 1970."""

    @property
    def key(self) -> bytes | None:
        """The tenant id."""

    @property
    def value(self) -> bytes | None:
        """The change."""

    @property
    def headers(self) -> Headers:
        """Its CloudEvents attributes."""

    def acknowledge(self) -> None:
        """A hint for Faust's commits and rebalances; the truth is the position in the state."""

    def pause(self) -> None:
        """Stop fetching this topic-partition."""

    def resume(self) -> None:
        """Fetch this topic-partition again."""


class GapError(RuntimeError):
    """A lane gave another message than the one that was due; a restart begins at the position."""


class Lane:
    """What waits on one input topic of the partition, and which offset is due next."""

    def __init__(self, topic: str, topic_id: str, due: int, now: float = 0.0) -> None:
        self.moved_at = now
        """When its position last moved, or when it was taken over; seconds since 1970."""
        self._caught_up_at = now
        self.topic = topic
        self.topic_id = topic_id
        self.due = due
        self.waiting: deque[Received] = deque()
        self._bytes = 0
        self._paused = False

    @property
    def next_to_fetch(self) -> int:
        """The offset after everything that waits."""
        return self.waiting[-1].offset + 1 if self.waiting else self.due

    def waited(self, end: int, now: float) -> float:
        """Seconds that the oldest message has waited, in a log that ends at `end`.

        Of one that was not fetched yet it is known only that it came after the last one that was
        taken, and after the last call that found nothing.
        """
        if end <= self.due:
            self._caught_up_at = now
            return 0.0
        came = self.waiting[0].timestamp if self.waiting else self._caught_up_at
        return max(0.0, now - came)

    def put(self, message: Received) -> None:
        """Never waits: a full lane pauses its own topic-partition and nobody else's."""
        self.waiting.append(message)
        self._bytes += _size(message)
        if len(self.waiting) > limits.LANE_FULL or self._bytes > limits.LANE_BYTES:
            # Each time: Faust itself resumes what it paused when its own small buffer is drained.
            self._paused = True
            message.pause()

    def take(self, most: int) -> list[Received]:
        """The next messages in order, each exactly once, up to a gap if there is one.

        Some of them if they are long: a step must not last.

        Raises:
            GapError: the lane lacks the very next offset.
        """
        batch: list[Received] = []
        size = 0
        while self.waiting and len(batch) < most and size < limits.STEP_BYTES:
            message = self.waiting.popleft()
            self._bytes -= _size(message)
            if self._paused and self._has_room():
                self._paused = False
                message.resume()
            if message.offset < self.due:  # applied before
                message.acknowledge()
                continue
            if message.offset > self.due:
                self.waiting.appendleft(message)  # it is not done, whatever follows
                self._bytes += _size(message)
                if batch:
                    break  # first what comes before it
                where = f"{self.topic} gave {message.offset} where {self.due} was due"
                raise GapError(where)
            self.due += 1
            self._caught_up_at = max(self._caught_up_at, message.timestamp)
            size += _size(message)
            batch.append(message)
        return batch

    def _has_room(self) -> bool:
        return len(self.waiting) < limits.LANE_ROOM and self._bytes < limits.LANE_BYTES // 2


def _size(message: Received) -> int:
    return len(message.value or b"")
