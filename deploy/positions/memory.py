"""What the state of a partition remembers of the processors themselves: positions and budget."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from confluent_kafka import TopicPartition

from deploy import installation
from deploy.errors import InstallationError
from deploy.positions.logs import Logs
from processors.core import budget
from schemas import codec, state
from schemas.letters import Budget, budget_key
from schemas.settings import Settings
from schemas.state import Position
from schemas.topics import LANES, STATE_CHANGELOG

_POSITION_KEYS: Final = {topic.name: state.position_key(topic.name) for topic in LANES}

Progress = Callable[[int, int], None]
"""Is told how much is done, and of how much."""


def unseen(_done: int, _total: int) -> None:
    """The progress of what nobody watches."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What the state of a partition says about the processors themselves."""

    positions: dict[str, Position] = {}
    """By lane."""
    budget: Budget | None = None

    @property
    def stopped(self) -> bool:
        """Whether the partition decides nothing more until an operator acts."""
        return budget.is_spent(self.budget)


NOTHING: Final = Remembered()
"""What sinks need of it."""


class Memory:
    """Reads the state changelog; every method raises KafkaException without an answer."""

    def __init__(self, settings: Settings, committed: Logs) -> None:
        """Read with a client that sees committed records only."""
        self._topic = settings.topic(STATE_CHANGELOG.name)
        self._logs = committed

    def of(self, partitions: Sequence[int], on_progress: Progress) -> dict[int, Remembered]:
        """What the state says of partitions; its changelog is read as far back as it must be.

        Raises:
            InstallationError: see `require_whole`.
        """
        sizes = {partition: self.require_whole(partition) for partition in partitions}
        found: dict[int, Remembered] = {}
        for partition in partitions:
            before, total = sum(sizes[done] for done in found), sum(sizes.values())

            def tell(done: int, before: int = before, total: int = total) -> None:
                on_progress(before + done, total)

            found[partition] = self._remembered(partition, tell)
        return found

    def require_whole(self, partition: int) -> int:
        """How many offsets the state changelog of a partition has.

        Raises:
            InstallationError: its beginning is gone, and decisions with it.
        """
        place = TopicPartition(self._topic, partition)
        low, end = self._logs.ends(place)
        if low > 0:
            raise InstallationError(
                f"{place.topic}[{partition}] begins at {low}; {installation.MEMORY_IS_GONE}."
            )
        return end

    def _remembered(self, partition: int, on_progress: Callable[[int], None]) -> Remembered:
        place = TopicPartition(self._topic, partition)
        # A budget that is there moves with each message, in the transaction of its position.
        keys, beside = frozenset(_POSITION_KEYS.values()), frozenset({budget_key()})
        found = self._logs.last_of(place, keys, beside, on_progress)
        positions = {lane: found.get(key) for lane, key in _POSITION_KEYS.items()}
        spent = found.get(budget_key())
        try:
            return Remembered(
                positions={
                    lane: codec.decode_record(value, Position)
                    for lane, value in positions.items()
                    if value is not None
                },
                budget=None if spent is None else codec.decode_record(spent, Budget),
            )
        except msgspec.DecodeError as error:
            raise InstallationError(
                f"{self._topic}[{partition}] holds what is not ours ({error});"
                f" {installation.MEMORY_IS_GONE}."
            ) from error
