"""Reading the state through what is about to be written."""

import bisect
from collections.abc import Iterator, Mapping
from typing import Final, Protocol, TypeVar

from schemas.state import State

R = TypeVar("R", bound=State)
_NOT_HERE: Final = State()
Writes = Mapping[bytes, State | None]
"""State records by key; None deletes."""


class StateReader(Protocol):
    """The state as a decision may read it."""

    def get(self, key: bytes, record: type[R]) -> R | None:
        """The record at a key."""

    def scan(self, prefix: bytes, record: type[R], after: bytes) -> Iterator[tuple[bytes, R]]:
        """The records whose keys begin with `prefix` and are greater than `after`, in order."""


class Remembering:
    """A state that stays as it is: each record is read and decoded once."""

    def __init__(self, below: StateReader) -> None:
        self._below = below
        self._known: dict[bytes, State | None] = {}

    def get(self, key: bytes, record: type[R]) -> R | None:
        """The record at a key."""
        found = self._known.get(key, _NOT_HERE)
        if found is _NOT_HERE:
            found = self._known[key] = self._below.get(key, record)
        assert found is None or isinstance(found, record), f"{key!r} holds a {type(found)}"
        return found

    def scan(self, prefix: bytes, record: type[R], after: bytes) -> Iterator[tuple[bytes, R]]:
        """The records below a prefix and after a key, in order."""
        return self._below.scan(prefix, record, after)


class Overlay:
    """Writes that nobody else sees yet, over a state that stays as it is."""

    def __init__(self, below: StateReader) -> None:
        self._below = below
        self._keys: list[bytes] = []  # sorted, so that a scan finds its range at once
        self.writes: dict[bytes, State | None] = {}

    def get(self, key: bytes, record: type[R]) -> R | None:
        """The record at a key, as written here or else below."""
        found = self.writes.get(key, _NOT_HERE)
        if found is _NOT_HERE:
            return self._below.get(key, record)
        assert found is None or isinstance(found, record), f"{key!r} holds a {type(found)}"
        return found

    def put(self, key: bytes, value: State | None) -> None:
        """Write a record; None deletes it."""
        if key not in self.writes:
            bisect.insort(self._keys, key)
        self.writes[key] = value

    def apply(self, writes: Writes) -> None:
        """Write several records."""
        for key, value in writes.items():
            self.put(key, value)

    def scan(self, prefix: bytes, record: type[R], after: bytes = b"") -> Iterator[tuple[bytes, R]]:
        """The records below a prefix, in order of their keys; what is written here counts."""
        start = max(prefix, after)
        mine = iter(list(self._keys_below(prefix, start, after)))
        mine_next = next(mine, None)
        for key, value in self._below.scan(prefix, record, after):
            while mine_next is not None and mine_next < key:
                yield from self._written(mine_next, record)
                mine_next = next(mine, None)
            if mine_next == key:
                yield from self._written(key, record)
                mine_next = next(mine, None)
            else:
                yield key, value
        while mine_next is not None:
            yield from self._written(mine_next, record)
            mine_next = next(mine, None)

    def _keys_below(self, prefix: bytes, start: bytes, after: bytes) -> Iterator[bytes]:
        for number in range(bisect.bisect_left(self._keys, start), len(self._keys)):
            key = self._keys[number]
            if not key.startswith(prefix):
                return
            if key > after:
                yield key

    def _written(self, key: bytes, record: type[R]) -> Iterator[tuple[bytes, R]]:
        value = self.writes[key]
        if value is not None:
            assert isinstance(value, record), f"{key!r} holds a {type(value)}"
            yield key, value
