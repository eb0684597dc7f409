"""The end of a process: a sentence for what is known, a traceback for what is not."""

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from processors.fatal import StuckError, die
from processors.faust_internals.store import PartitionStore
from processors.lane import GapError
from schemas.positions import LogMismatchError


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], list[Any]]:
    """Ends by an exception; returns what was said, and the exit status."""
    said: list[Any] = []
    monkeypatch.setattr(os, "_exit", said.append)

    def ended(error: BaseException) -> list[Any]:
        ours: Callable[[BaseException], None] = die
        with structlog.testing.capture_logs() as logs:
            ours(error)
        return [(each["log_level"], each["event"]) for each in logs] + said

    return ended


@pytest.mark.parametrize("kind", [LogMismatchError, GapError, StuckError])
def test_an_error_of_ours_is_said_in_its_sentence(
    end: Callable[[BaseException], list[Any]],
    capsys: pytest.CaptureFixture[str],
    kind: type[Exception],
) -> None:
    assert end(kind("Restore Kafka.")) == [("critical", "Restore Kafka."), 70]
    assert capsys.readouterr().err == ""


def test_a_surprise_is_shown_whole(
    end: Callable[[BaseException], list[Any]], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    with pytest.raises(ValueError, match="nobody") as raised:
        int("nobody expected it")
    assert end(raised.value) == [70]
    assert "Traceback" in capsys.readouterr().err


def test_a_store_that_fails_in_recovery_ends_the_process_and_is_named(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    table = app.tables["state"]
    store = PartitionStore(table, 3)
    store.apply([(b"a", b"1")], 41)
    table.data._dbs[3].close()
    with structlog.testing.capture_logs() as logs:
        store.apply([(b"a", b"2")], 42)
    assert ended == [70]
    assert str(table.data.path) in logs[-1]["event"]
