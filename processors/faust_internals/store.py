"""Faust's state table and events, past the context in which Faust would have them used."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import faust
from faust.types import TP
from typing_extensions import override

from processors.fatal import die
from processors.faust_internals.application import App
from processors.stamps import CorruptStoreError
from processors.state_view import StoredState, StoreError
from schemas.envelope import Headers
from schemas.positions import LogMismatchError

_CORRUPT = ("Corruption", "No such file or directory")
"""What RocksDB says of a folder that will never be a store again."""


class StateTable(faust.Table[bytes, bytes]):
    """Faust's table, but a record that the store cannot take over ends the process.

    Faust's recovery would log that, keep the record, and wait for ever (faust-facts 14).
    """

    @override
    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        events = list(batch)
        try:
            _must_have_keys(events)
            self._write(events)
        except Exception:  # noqa: BLE001 # whatever it is, this process may not go on
            die()

    def _write(self, events: Sequence[Any]) -> None:
        try:
            super().apply_changelog_batch(events)
        except Exception as error:
            folder: Path = cast("Any", self.data).path
            raise StoreError(_unusable(folder, error)) from error


class _ChangelogMessage(NamedTuple):
    tp: TP
    partition: int
    offset: int
    key: bytes
    value: bytes | None


class _ChangelogEvent(NamedTuple):
    message: _ChangelogMessage

    @property
    def key(self) -> bytes:
        return self.message.key

    @property
    def value(self) -> bytes | None:
        return self.message.value


class PartitionStore:
    """One partition of the state table, read and written past Faust's event context."""

    def __init__(self, table: Any, partition: int) -> None:
        self._table = table
        self._partition = partition
        self.state = StoredState(self)

    def get(self, key: bytes) -> bytes | None:
        """The value at a key."""
        value: bytes | None = self._database.get(key)
        return value

    def items_from(self, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values from a key on, in order."""
        items: Iterator[tuple[bytes, bytes]] = self._database.items(from_key=start)
        return items

    def apply(self, writes: Sequence[tuple[bytes, bytes | None]], end: int) -> None:
        """Take over committed writes, by the very method that recovery uses."""
        tp = TP(self._table.changelog_topic_name, self._partition)
        events = [
            _ChangelogEvent(_ChangelogMessage(tp, self._partition, end, key, value))
            for key, value in writes
        ]
        self._table.apply_changelog_batch(events)

    @property
    def _database(self) -> Any:
        return self._table.data._db_for_partition(self._partition)  # noqa: SLF001


class LocalStores:
    """The stores of a table's partitions, as Faust keeps them.

    Faust opens a store when its partition comes, keeps it open over rebalances for as long as the
    partition stays, active or standby, and lets go of it at the assignment that lacks it.
    """

    def __init__(self, app: App, table: Any) -> None:
        self._app: Any = app
        self._table = table

    def of(self, partition: int) -> PartitionStore:
        """What a partition's loop reads and writes."""
        return PartitionStore(self._table, partition)

    def folder(self, partition: int) -> Path:
        """Where a store is, whether it exists or not."""
        path: Path = self._table.data.partition_path(partition)
        return path

    def persisted_offset(self, partition: int) -> int | None:
        """The changelog's offset up to which a store holds everything; opens it.

        Raises:
            StoreError: it cannot be opened.
            CorruptStoreError: it never can.
        """
        try:
            offset: int | None = self._table.persisted_offset(self._place(partition))
        except Exception as error:
            corrupt = any(word in str(error) for word in _CORRUPT)
            kind = CorruptStoreError if corrupt else StoreError
            raise kind(_unusable(self.folder(partition), error)) from error
        return offset

    def delete(self, partition: int) -> None:
        """Close a store, and take it off the disk.

        Raises:
            StoreError: the disk does not let go of it.
        """
        database = self._table.data._dbs.pop(partition, None)  # noqa: SLF001
        if database is not None:
            database.close()
        try:
            shutil.rmtree(self.folder(partition))
        except OSError as error:
            raise StoreError(_unusable(self.folder(partition), error)) from error

    def flush(self) -> None:
        """Put on disk what was read of standbys; Faust keeps up to 1,000 records in memory."""
        self._app.tables.recovery.flush_buffers()

    def read_up_to(self, partition: int) -> int:
        """The changelog's offset that a standby reads next; beyond markers of transactions too."""
        position: int = self._app.consumer.position_of(self._place(partition))
        return position

    def recovery(self) -> dict[tuple[str, int], tuple[int, int]]:
        """The offset that recovery has read, and the one that it must read, by place."""
        recovery = self._app.tables.recovery
        return {
            (tp.topic, tp.partition): (recovery.active_offsets.get(tp) or 0, end)
            for tp, end in recovery.active_highwaters.items()
        }

    def _place(self, partition: int) -> TP:
        return TP(self._table.changelog_topic_name, partition)


class ReceivedEvent:
    """A Faust event as the partition's loop takes it."""

    __slots__ = ("_app", "_event", "_place", "headers", "key", "offset", "timestamp", "value")

    def __init__(self, app: App, event: Any) -> None:
        message = event.message
        self._app = app
        self._event = event
        self.offset: int = message.offset
        self.timestamp: float = message.timestamp
        self.key: bytes | None = message.key
        self.value: bytes | None = message.value
        # Faust's own type: with aiokafka's, which messages carry, resuming fails an assertion.
        self._place = TP(message.topic, message.partition)
        self.headers: Headers = list(message.headers or [])

    def acknowledge(self) -> None:
        """Let Faust know that the message is done."""
        self._event.ack()

    def pause(self) -> None:
        """Stop fetching this topic-partition."""
        self._app.consumer.pause_partitions({self._place})

    def resume(self) -> None:
        """Fetch this topic-partition again."""
        self._app.consumer.resume_partitions({self._place})


def _must_have_keys(events: Iterable[Any]) -> None:
    """No record of ours lacks a key, and the broker refuses one as long as the log is compacted.

    Raises:
        LogMismatchError: it is somebody else's.
    """
    for event in events:
        if event.message.key is None:
            tp, offset = event.message.tp, event.message.offset
            raise LogMismatchError(
                f"{tp.topic}[{tp.partition}] holds a record without a key at {offset}, which is"
                " not ours: restore Kafka, or begin a new installation; nothing but Rollcall may"
                " write this topic."
            )


def _unusable(path: Path, error: Exception) -> str:
    return (
        f"The local store {path} cannot be used ({error}): see to the disk of"
        " ROLLCALL_STATE_FOLDER; what is on it can be deleted and comes back from Kafka."
    )
