"""A worker that is broken on purpose and watched often: `broken.py HOW [ARGUMENT…] processors`.

It stands for what nobody can order from a real part: a client that loses a message, a broker that
is slow for one partition, a log that goes on and is not read.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.cli import stages
from processors import watchdog
from processors.faust_internals.consumer import Consumer
from processors.transaction import Transaction
from schemas import limits

BROKEN = str(Path(__file__).resolve())
SOON = 4
"""Seconds after which standing still is noticed where it is certain: no test may take 30."""


def lose(mark: str, *which: str) -> None:
    """The first fetched message that holds `mark` never arrives; it may be the `last` one."""
    lost: list[tuple[str, int, int]] = []

    def is_lost(record: Any) -> bool:
        if not lost and "changes" in record.topic and mark.encode() in (record.value or b""):
            lost.append((record.topic, record.partition, record.offset))
        return (record.topic, record.partition, record.offset) in lost

    _losing(is_lost)
    if which == ("last",):
        _noticed(lambda seen: any((*place, due) in lost for place, due in seen.dues.items()))


def unread() -> None:
    """Nothing of the changelog arrives but its first record."""
    withheld: set[tuple[str, int]] = set()

    def is_withheld(record: Any) -> bool:
        if not record.topic.endswith("changelog") or record.offset == 0:
            return False
        withheld.add((record.topic, record.partition))
        return True

    def is_at_the_first(seen: watchdog.Seen) -> bool:
        reaches = (seen.recovery or {}).items()
        return any(place in withheld and reach.offset == 0 for place, reach in reaches)

    _losing(is_withheld)
    _noticed(is_at_the_first)


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


def _noticed(is_there: Callable[[watchdog.Seen], bool]) -> None:
    """Shorten the limit when something stands where it can go no further, not before."""
    ours: Any = watchdog
    judge = ours.judge

    def judged(before: watchdog.Stands, seen: watchdog.Seen) -> watchdog.Stands:
        if is_there(seen):
            limits.STUCK_SECONDS = SOON  # type: ignore[misc]
        stands: watchdog.Stands = judge(before, seen)
        return stands

    ours.judge = judged


if __name__ == "__main__":
    limits.WATCH_SECONDS = 0.2  # type: ignore[misc,assignment]
    _, *order, _stage = sys.argv
    orders: dict[str, Callable[..., None]] = {"lose": lose, "unread": unread, "hold": hold}
    orders[order[0]](*order[1:])
    sys.argv = sys.argv[:1]  # Faust reads it
    stages.processors()
