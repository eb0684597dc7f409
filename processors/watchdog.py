"""The watchdog: what stands still although there is something to do ends the process (DESIGN §5.4).

Nothing that a stuck part of the process could forget to say is needed for it: it compares how far
the loops and recovery have come with the broker's word on where the logs end.
"""

import asyncio
import time
from collections.abc import Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import msgspec
from confluent_kafka import KafkaException

from processors.broker import Broker, Place
from processors.fatal import StuckError
from schemas import limits
from schemas.positions import LogMismatchError
from schemas.topics import URGENT


class Reach(NamedTuple):
    """How far recovery has come in a changelog."""

    offset: int
    """The last one that it has read."""
    end: int
    """The one that it has to read."""


class Stand(NamedTuple):
    """Where something is, and since when (seconds of a monotonic clock)."""

    mark: Hashable
    since: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One look at everything."""

    at: float
    """Seconds of a monotonic clock."""
    dues: Mapping[Place, int]
    """The offset that is due on each lane of the loops that decide; taken before the ends."""
    ends: Mapping[Place, int]
    """Where the broker says that logs end; without those that it does not know just now."""
    recovery: Mapping[Place, Reach] | None
    """What recovery has read; None if none goes on."""
    answered: bool = True
    """Whether the broker did."""
    foreign: str | None = None
    """What is no longer as in the installation, in a sentence."""


Stands = Mapping[Place | None, Stand]
"""Where each lane with something to read is; under None, where recovery is."""


def judge(before: Stands, seen: Seen) -> Stands:
    """Compare a look with those before it; returns what the next one is compared with.

    Without the broker's word nothing is known of a lane, so its time begins anew.

    Raises:
        LogMismatchError: a log is not the one any more that we read.
        StuckError: a lane, or recovery, did not move for `limits.STUCK_SECONDS`.
    """
    if seen.foreign is not None:
        raise LogMismatchError(seen.foreign)
    for (topic, partition), due in seen.dues.items():
        if (end := seen.ends.get((topic, partition), due)) < due:
            raise LogMismatchError(
                f"{topic}[{partition}] ends at {end}, but {due - 1} was read: it was shortened or"
                " made anew while we run. Restore it, or accept the loss."
            )
    marks: dict[Place | None, Hashable] = {
        place: due for place, due in seen.dues.items() if _should_move(place, seen)
    }
    if seen.recovery is not None:
        marks[None] = tuple(sorted(seen.recovery.items()))
    after = {
        place: stand
        if (stand := before.get(place)) is not None and stand.mark == mark
        else Stand(mark, seen.at)
        for place, mark in marks.items()
    }
    for place, stand in after.items():
        if seen.at - stand.since >= limits.STUCK_SECONDS:
            raise StuckError(_lane(place, seen) if place is not None else _recovery(seen))
    return after


def _should_move(place: Place, seen: Seen) -> bool:
    """Whether a lane has something to read, and no urgent changes go first."""
    urgent = [
        each
        for each in seen.dues
        if each[1] == place[1] and each[0].endswith(URGENT.name) and each != place
    ]
    return _goes_on(place, seen) and not any(_goes_on(each, seen) for each in urgent)


def _goes_on(place: Place, seen: Seen) -> bool:
    return seen.ends.get(place, 0) > seen.dues[place]


def _lane(place: Place, seen: Seen) -> str:
    topic, partition = place
    return (
        f"{topic}[{partition}] stands still at {seen.dues[place]} for {limits.STUCK_SECONDS} s,"
        f" although it goes on to {seen.ends[place]}: the process ends, and the next one begins"
        " there."
    )


def _recovery(seen: Seen) -> str:
    where = ", ".join(
        f"{topic}[{partition}] at {reach.offset} of {reach.end}"
        for (topic, partition), reach in sorted((seen.recovery or {}).items())
        if reach.offset < reach.end
    )
    sentence = f"Recovery stands still for {limits.STUCK_SECONDS} s: {where or 'all was read'}"
    if not seen.answered:
        return f"{sentence}. Kafka does not answer: see to it."
    return (
        f"{sentence}. If this comes again at the same offset, what follows there cannot be read:"
        " restore Kafka, or begin a new installation."
    )


class Watched(Protocol):
    """What is watched, as its owner knows it."""

    def dues(self) -> dict[Place, int]:
        """The offset that is due on each lane of the loops that decide."""

    def places(self) -> Mapping[Place, int]:
        """All lanes of all loops; those that decide nothing are also measured."""

    def measure(self, ends: Mapping[Place, int]) -> None:
        """Show how far lanes are behind."""

    def recovery(self) -> Mapping[Place, Reach] | None:
        """What recovery has read; None if none goes on."""

    def standbys(self) -> list[Place]:
        """The changelogs that are only copied."""

    def touch(self, ends: Mapping[Place, int]) -> None:
        """Stamp the stores that hold all of their log, which ended there a while ago."""


class Watchdog:
    """Looks every `limits.WATCH_SECONDS`."""

    def __init__(self, broker: Broker, watched: Watched) -> None:
        self._broker = broker
        self._watched = watched
        self._thread = ThreadPoolExecutor(1, "watchdog")
        self.kafka_answers = True
        """Whether the broker knew the end of each lane when it was last asked."""

    async def run(self) -> None:
        """Look until something is wrong.

        Raises:
            LogMismatchError: a log is not the one any more that we read.
            StuckError: a lane, or recovery, stands still.
            StoreError: a stamp cannot be written.
        """
        stands: Stands = {}
        ends: Mapping[Place, int] = {}
        last = time.monotonic()
        while True:
            await asyncio.sleep(limits.WATCH_SECONDS)
            seen = await self._look()
            if seen.at - last > limits.STUCK_SECONDS / 2:
                stands = {}  # this process itself stood still: nobody looked
            last = seen.at
            self.kafka_answers = seen.answered and seen.dues.keys() <= seen.ends.keys()
            self._watched.measure(seen.ends)
            stands = judge(stands, seen)
            self._watched.touch(ends)
            ends = seen.ends

    async def _look(self) -> Seen:
        dues = self._watched.dues()
        places = [*self._watched.places(), *self._watched.standbys()]
        loop = asyncio.get_running_loop()
        try:
            ends, foreign = await loop.run_in_executor(self._thread, self._ask, places)
            answered = True
        except KafkaException:
            ends, foreign, answered = {}, None, False
        return Seen(
            at=time.monotonic(),
            dues=dues,
            ends=ends,
            recovery=self._watched.recovery(),
            answered=answered,
            foreign=foreign,
        )

    def _ask(self, places: Iterable[Place]) -> tuple[dict[Place, int], str | None]:
        # First who they are: a log that is gone has no end.
        foreign = self._broker.foreign()
        return self._broker.ends(places), foreign
