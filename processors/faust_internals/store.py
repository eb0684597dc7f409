"""Faust's state table and events, past the context in which Faust would have them used."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from faust.types import TP

from processors.faust_internals.application import App
from processors.state_view import StoredState
from schemas.envelope import Headers


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
        self._table.data.apply_changelog_batch(events, lambda key: key, lambda value: value)

    @property
    def _database(self) -> Any:
        return self._table.data._db_for_partition(self._partition)  # noqa: SLF001


class ReceivedEvent:
    """A Faust event as the partition's loop takes it."""

    __slots__ = ("_app", "_event", "_place", "headers", "key", "offset", "value")

    def __init__(self, app: App, event: Any) -> None:
        message = event.message
        self._app = app
        self._event = event
        self.offset: int = message.offset
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
