"""Heartbeats stop while a worker takes over, so all of it has a time limit (DESIGN §5.2)."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from processors import ownership
from processors.ownership import QUARTER_OF_A_SESSION, PartitionOwnership
from schemas.settings import Settings


def test_connecting_and_the_end_records_share_a_quarter_of_a_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, given = [0.0], list[float]()

    def connect(_topic: str, _seconds: float) -> None:
        now[0] += QUARTER_OF_A_SESSION / 2

    def flush(seconds: float) -> int:
        given.append(seconds)
        return 0

    client = SimpleNamespace(list_topics=connect, produce=lambda *_, **__: None, flush=flush)
    monkeypatch.setattr(ownership, "Producer", lambda _: client)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    owner: Any = PartitionOwnership.__new__(PartitionOwnership)
    owner._settings, owner._changelog = Settings(kafka="127.0.0.1:1"), "state-changelog"
    owner._end_changelogs({0, 1})
    assert given == [QUARTER_OF_A_SESSION / 2]
