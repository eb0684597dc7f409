"""Gaps that a lane has shown before: once may be a slip of the client, twice is the log.

Where a lane skips an offset the process ends, and the next one begins at the position again.  If
the same gap is there again, ending would go on for ever: the partition stops instead and waits for
an operator (DESIGN §5.4).  Remembered in a file, since it must outlive the process.
"""

from processors.lane import Lane
from schemas.settings import Settings


def met_before(settings: Settings, lane: Lane, partition: int) -> bool:
    """Whether this lane was last found without the offset that is due; remembers it."""
    folder = settings.worker_folder / "gaps"
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{lane.topic}-{partition}"
    gap = f"{lane.topic_id} {lane.due}"
    before = place.read_text() if place.exists() else ""
    place.write_text(gap)
    return before == gap
