"""Why a worker decides nothing just now, in one sentence."""

from collections.abc import Mapping
from typing import Final, Protocol

from processors.broker import Place
from processors.partition_loop import PartitionLoop, Reason
from processors.watchdog import Reach

_PARKED: Final[dict[Reason, str]] = {
    "budget": "too many of its last messages are dead letters; `rollcall dead-letters resume`"
    " goes on",
    "gap": "its log lacks an offset; `rollcall positions accept` goes on",
}


class Owner(Protocol):
    """What this worker has, as its owner knows it."""

    joined: bool
    """Whether the group has said which partitions are ours, be they none."""

    @property
    def loops(self) -> Mapping[int, PartitionLoop]:
        """The loop of each partition that is ours."""

    def recovery(self) -> Mapping[Place, Reach] | None:
        """What recovery has read; None if none goes on."""


def why_not_ready(owner: Owner, *, kafka_answers: bool) -> str | None:
    """None while everything that is ours is decided; called from another thread."""
    if not owner.joined:
        return "The consumer group has not said yet which partitions are ours."
    if (recovery := owner.recovery()) is not None:
        read = sum(reach.offset for reach in recovery.values())
        end = sum(reach.end for reach in recovery.values())
        return f"The state is being recovered: {read} of {end} offsets are read."
    if not kafka_answers:
        return "Kafka does not answer, or a partition has no leader: see to it."
    parked = {
        partition: loop.parked
        for partition, loop in tuple(owner.loops.items())
        if loop.parked is not None
    }
    if parked:
        return "; ".join(
            f"Partition {each} stopped: {_PARKED[why]}" for each, why in parked.items()
        )
    return None
