"""Stamps: whether a local store still belongs to the changelog that we recover from (DESIGN §5.3).

Faust goes on from the offset that a store remembers and asks no further.  A store of another log,
or one that slept longer than the log keeps its tombstones, would bring back people who are gone.
So a stamp lies beside each store; without a good one the store is deleted and recovered whole.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import msgspec
import structlog

from processors.state_view import StoreError
from schemas import limits
from schemas.positions import LogMismatchError

log = structlog.get_logger()

TOUCH_SECONDS: Final = 60.0
"""How often the stamps of stores in use are written again, at most."""


class Log(msgspec.Struct, frozen=True):
    """Which log a store was made from."""

    cluster_id: str
    topic_id: str


class Stamp(msgspec.Struct, frozen=True):
    """What lies beside a store."""

    log: Log
    used_at: datetime
    """When the store last held all of its log; of one that never did, when it was begun.

    Not when it was last opened: a worker that ends in each of its recoveries would keep a store
    young whose log has long lost the tombstones that it never read.
    """


class Stores(Protocol):
    """The local stores of this worker, by partition."""

    def folder(self, partition: int) -> Path:
        """Where a store is, whether it exists or not."""

    def persisted_offset(self, partition: int) -> int | None:
        """The changelog's offset up to which it holds everything; opens it.

        Raises:
            StoreError: it cannot be opened.
            CorruptStoreError: it never can.
        """

    def delete(self, partition: int) -> None:
        """Close it, and take it off the disk."""


class CorruptStoreError(StoreError):
    """What lies on the disk is no store; a copy of the log can be made again."""


class Stamps:
    """Reads, judges and writes the stamps of one worker's stores."""

    def __init__(self, made_from: Log, stores: Stores, now: Callable[[], datetime]) -> None:
        self._log = made_from
        self._stores = stores
        self._now = now
        self._touched = -math.inf
        self._following: set[int] = set()

    def follow(self, bounds: Mapping[int, tuple[int, int]]) -> dict[int, int | None]:
        """Before recovery: delete each store that does not belong to its log.

        A store that was followed until now is open, and is not asked again.

        Args:
            bounds: by partition, the first offset of its log and the one after its last.

        Returns:
            The offset up to which each store holds everything; None where it is recovered whole.

        Raises:
            LogMismatchError: a log lacks its beginning.
            StoreError: a store, or its stamp, can be neither used nor replaced.
        """
        for partition, (low, end) in bounds.items():
            if low > 0:  # compaction alone never raises it
                raise LogMismatchError(
                    f"The changelog of partition {partition} begins at {low}: records were deleted,"
                    " so what was decided is not all known. Restore Kafka, or begin a new"
                    " installation."
                )
            if partition not in self._following:
                self._examine(partition, end)
        self._following = set(bounds)
        return {partition: self._offset(partition) for partition in bounds}

    def touch(self, partitions: Collection[int], flush: Callable[[], None]) -> None:
        """Note that these stores hold all of their log by now; at most once a minute.

        What was read of it and is still in memory is flushed first.

        Raises:
            StoreError: the disk refuses it.
        """
        if time.monotonic() - self._touched < TOUCH_SECONDS:
            return
        self._touched = time.monotonic()
        flush()
        for partition in partitions:
            self._write(partition)

    def _examine(self, partition: int, end: int) -> None:
        folder = self._stores.folder(partition)
        if folder.exists() and (why := self._fault(partition, end)) is not None:
            log.warning("local store deleted, recovering it whole", folder=str(folder), why=why)
            # First: a folder that is half gone must not lie beside a good stamp.
            _beside(folder).unlink(missing_ok=True)
            self._stores.delete(partition)
        if not folder.exists():
            self._write(partition)

    def _offset(self, partition: int) -> int | None:
        exists = self._stores.folder(partition).exists()
        return self._stores.persisted_offset(partition) if exists else None

    def _fault(self, partition: int, end: int) -> str | None:
        stamp = _read(_beside(self._stores.folder(partition)))
        if (why := fault(stamp, self._log, self._now())) is not None:
            return why
        try:
            offset = self._stores.persisted_offset(partition)
        except CorruptStoreError as error:
            return str(error)
        if offset is not None and offset >= end:
            return f"it holds offset {offset} of a log that ends at {end}"
        return None

    def _write(self, partition: int) -> None:
        path = _beside(self._stores.folder(partition))
        draft = path.with_suffix(".draft")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(Stamp(self._log, self._now())))
            draft.replace(path)
        except OSError as error:
            raise StoreError(
                f"The stamp {path} cannot be written ({error}): see to the disk of"
                " ROLLCALL_STATE_FOLDER; what is on it can be deleted and comes back from Kafka."
            ) from error


def fault(stamp: Stamp | None, made_from: Log, now: datetime) -> str | None:
    """Why a store with this stamp may not be gone on with; None if it may."""
    if stamp is None:
        return "it has no stamp that can be read"
    if stamp.log != made_from:
        return f"it was made from another log: {stamp.log} instead of {made_from}"
    if stamp.used_at > now:
        return f"its stamp is of {stamp.used_at}, which is yet to come"
    if now - stamp.used_at > timedelta(days=limits.STORE_DAYS):
        return f"it was last used on {stamp.used_at}, and the log forgets deletions meanwhile"
    return None


def _read(path: Path) -> Stamp | None:
    """The stamp; None for none, and for what is none."""
    try:
        stamp = msgspec.json.decode(path.read_bytes(), type=Stamp)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return stamp if stamp.used_at.tzinfo is not None else None


def _beside(folder: Path) -> Path:
    return folder.with_suffix(".stamp")
