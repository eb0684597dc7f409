"""A worker that is broken on purpose and has short limits: `broken.py [HOW ARGUMENT…] processors`.

It stands for what nobody can order from a real part: a client that loses a message, a broker that
is slow for one partition, a log that goes on and is not read.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.cli import stages
from processors.faust_internals.consumer import Consumer
from processors.transaction import Transaction
from schemas import limits

BROKEN = str(Path(__file__).resolve())


def lose(mark: str) -> None:
    """The first fetched message that holds `mark` never arrives."""
    lost: list[int] = []

    def is_lost(record: Any) -> bool:
        if not lost and "changes" in record.topic and mark.encode() in (record.value or b""):
            lost.append(record.offset)
        return lost == [record.offset] and "changes" in record.topic

    _losing(is_lost)


def unread() -> None:
    """Nothing of the changelog arrives but its first record."""
    _losing(lambda record: record.topic.endswith("changelog") and record.offset > 0)


def hold(partition: str, gate: str) -> None:
    """The steps of a partition do not end as long as the file `gate` is there."""
    ours: Any = Transaction
    commit = ours._commit

    def held(self: Transaction, *arguments: Any) -> Any:
        while self.partition == int(partition) and Path(gate).exists():
            time.sleep(0.01)
        return commit(self, *arguments)

    ours._commit = held


def _losing(is_lost: Callable[[Any], bool]) -> None:
    ours: Any = Consumer
    getmany = ours._getmany

    async def lossy(self: Consumer, **arguments: Any) -> Any:
        return {
            place: kept
            for place, records in (await getmany(self, **arguments)).items()
            if (kept := [record for record in records if not is_lost(record)])
        }

    ours._getmany = lossy


if __name__ == "__main__":
    limits.STUCK_SECONDS = 4  # type: ignore[misc] # no test may take half a minute
    limits.WATCH_SECONDS = 0.2  # type: ignore[misc,assignment]
    _, *order, _stage = sys.argv
    if order:
        orders: dict[str, Callable[..., None]] = {"lose": lose, "unread": unread, "hold": hold}
        orders[order[0]](*order[1:])
    sys.argv = sys.argv[:1]  # Faust reads it
    stages.processors()
