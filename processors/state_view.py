"""The state as decisions read it: records decoded out of a partition's local store."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

from schemas import codec
from schemas.state import State

R = TypeVar("R", bound=State)


class Store(Protocol):
    """A partition's local store: bytes by key, in order of their keys."""

    def get(self, key: bytes) -> bytes | None:
        """The value at a key."""

    def items_from(self, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values from a key on, in order."""


class StoreError(RuntimeError):
    """The local store failed, or holds what we never wrote: nothing that a message can cause."""


class StoredState:
    """Decodes what the store holds; the only reader that an overlay needs below it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: bytes, record: type[R]) -> R | None:
        """The record at a key."""
        try:
            value = self._store.get(key)
            return None if value is None else codec.decode_record(value, record)
        except Exception as error:
            raise StoreError(f"cannot read {key!r}: {error}") from error

    def scan(self, prefix: bytes, record: type[R], after: bytes) -> Iterator[tuple[bytes, R]]:
        """The records below a prefix and after a key, in order."""
        try:
            for key, value in self._store.items_from(max(prefix, after)):
                if not key.startswith(prefix):
                    return
                if key > after:
                    yield key, codec.decode_record(value, record)
        except Exception as error:
            raise StoreError(f"cannot scan {prefix!r}: {error}") from error
