"""A local store that may not be gone on with is deleted, and one that may is left alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from processors.faust_internals.store import LocalStores
from processors.stamps import Log, Stamps
from processors.state_view import StoreError
from schemas import limits
from schemas.positions import LogMismatchError

HERE = Log("cluster", "changelog")
NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
END = 42
"""Where the log ends; the store holds all of it."""
PARTITION = 3


class Disk:
    """The real stores of one worker that lived at `NOW` on the log `HERE`, and its next lives."""

    def __init__(self, app: Any) -> None:
        self.stores = LocalStores(app, app.tables["state"])
        self.stamps().follow({PARTITION: (0, 0)})
        self.stores.of(PARTITION).apply([(b"a", b"1")], END - 1)
        self.restart()

    @property
    def folder(self) -> Path:
        return self.stores.folder(PARTITION)

    @property
    def stamp(self) -> Path:
        return self.folder.with_suffix(".stamp")

    def stamps(self, log: Log = HERE, now: datetime = NOW) -> Stamps:
        return Stamps(log, self.stores, lambda: now)

    def restart(self) -> None:
        """Close what is open, as the end of a process does."""
        self.stores._table.data._dbs.pop(PARTITION).close()

    def examined(self, log: Log = HERE, now: datetime = NOW, end: int = END) -> bytes | None:
        """What the store holds under `a` after the next life has looked at it."""
        self.stamps(log, now).follow({PARTITION: (0, end)})
        return self.stores.of(PARTITION).get(b"a")


@pytest.fixture
def disk(app: Any) -> Disk:
    return Disk(app)


def test_a_store_of_this_log_is_gone_on_with(disk: Disk) -> None:
    late = NOW + timedelta(days=limits.STORE_DAYS)
    assert disk.stamps(HERE, late).follow({PARTITION: (0, END)}) == {PARTITION: END - 1}
    assert disk.examined() == b"1"


@pytest.mark.parametrize(
    "life",
    [
        {"log": Log("another", "changelog")},
        {"log": Log("cluster", "another")},
        {"now": NOW + timedelta(days=limits.STORE_DAYS, seconds=1)},
        {"now": NOW - timedelta(seconds=1)},
        {"end": END - 1},
    ],
    ids=["another cluster", "another topic", "too old", "the clock went back", "a shorter log"],
)
def test_a_store_that_may_not_belong_to_the_log_is_deleted(
    disk: Disk, life: dict[str, Any]
) -> None:
    assert disk.examined(**life) is None
    disk.restart()
    assert disk.examined(**life) is None  # it was stamped anew, and now belongs


def remove(path: Path) -> None:
    path.unlink()


def spoil(path: Path) -> None:
    path.write_bytes(b"\xff{")


def forget_the_zone(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"Z", b""))


@pytest.mark.parametrize("harm", [remove, spoil, forget_the_zone])
def test_a_stamp_that_says_nothing_is_none(disk: Disk, harm: Callable[[Path], None]) -> None:
    harm(disk.stamp)
    assert disk.examined() is None


@pytest.mark.parametrize("part", ["CURRENT", "MANIFEST-000005"])
def test_a_store_that_never_opens_again_is_recovered_whole(disk: Disk, part: str) -> None:
    (disk.folder / part).rename(disk.folder / "elsewhere")
    assert disk.examined() is None


def test_a_store_that_somebody_else_has_open_is_left_alone(disk: Disk) -> None:
    other = disk.stores._table.data.rocksdb_options.open(disk.folder)
    with pytest.raises(StoreError, match=str(disk.folder)):
        disk.examined()
    other.close()
    assert disk.examined() == b"1"


def test_only_a_store_that_was_followed_until_now_is_not_judged_again(disk: Disk) -> None:
    stamps = disk.stamps()
    stamps.follow({PARTITION: (0, END)})
    disk.stamp.unlink()
    assert stamps.follow({PARTITION: (0, END)}) == {PARTITION: END - 1}
    assert stamps.follow({}) == {}  # another worker has it
    assert stamps.follow({PARTITION: (0, END)}) == {PARTITION: None}


def test_a_log_without_its_beginning_ends_the_process(disk: Disk) -> None:
    with pytest.raises(LogMismatchError, match="begins at 1"):
        disk.stamps().follow({PARTITION: (1, END)})


def test_a_stamp_is_written_again_while_its_store_follows_the_log(disk: Disk) -> None:
    late = NOW + timedelta(days=limits.STORE_DAYS)
    flushed: list[str] = []
    stamps = disk.stamps(HERE, late)
    stamps.touch([PARTITION], lambda: flushed.append("flushed"))
    stamps.touch([PARTITION], lambda: flushed.append("again within a minute"))
    assert flushed == ["flushed"]
    assert disk.examined(now=late + timedelta(days=1)) == b"1"


def test_opening_a_store_does_not_make_it_young(disk: Disk) -> None:
    for days in (2, 3):
        assert disk.examined(now=NOW + timedelta(days=days)) == b"1"
        disk.restart()
    assert disk.examined(now=NOW + timedelta(days=4)) is None


def test_faust_lets_go_of_a_store_only_when_its_partition_goes(app: Any) -> None:
    disk = Disk(app)
    data, mine = app.tables["state"].data, TP("rollcall-processors-state-changelog", PARTITION)
    disk.stores.persisted_offset(PARTITION)
    data.revoke_partitions(app.tables["state"], set())
    assert PARTITION in data._dbs
    data.revoke_partitions(app.tables["state"], {mine})
    assert PARTITION not in data._dbs
    data.rocksdb_options.open(disk.folder).close()  # its lock is free


def test_a_disk_that_takes_no_stamp_is_named(disk: Disk) -> None:
    disk.stamp.with_suffix(".draft").mkdir()
    with pytest.raises(StoreError, match="ROLLCALL_STATE_FOLDER"):
        disk.stamps().touch([PARTITION], lambda: None)
