"""A lane hands out each message once and in order, and says when one is missing."""

import pytest

from processors.lane import GapError, Lane
from schemas import limits
from schemas.envelope import Headers


class Sent:
    """A message that notes what is asked of it."""

    key, value = b"acme", b"{}"

    def __init__(self, offset: int, asked: list[str]) -> None:
        self.offset = offset
        self.timestamp = 0.0
        self.headers: Headers = []
        self._asked = asked

    def acknowledge(self) -> None:
        self._asked.append(f"acknowledge {self.offset}")

    def pause(self) -> None:
        self._asked.append("pause")

    def resume(self) -> None:
        self._asked.append("resume")


def lane_with(*offsets: int, due: int = 0) -> tuple[Lane, list[str]]:
    asked: list[str] = []
    lane = Lane("directory-changes", "topic-id", due)
    for offset in offsets:
        lane.put(Sent(offset, asked))
    return lane, asked


def test_a_missing_message_ends_it() -> None:
    lane, _ = lane_with(1)
    with pytest.raises(GapError, match="was due"):
        lane.take(limits.RECORDS_PER_STEP)


def test_what_comes_before_a_gap_is_handed_out_first() -> None:
    lane, _ = lane_with(0, 1, 3)
    assert [each.offset for each in lane.take(limits.RECORDS_PER_STEP)] == [0, 1]
    with pytest.raises(GapError, match="gave 3 where 2 was due"):
        lane.take(limits.RECORDS_PER_STEP)


def test_what_comes_after_a_gap_waits_on_so_that_somebody_acknowledges_it() -> None:
    lane, _ = lane_with(1)
    with pytest.raises(GapError):
        lane.take(limits.RECORDS_PER_STEP)
    assert [each.offset for each in lane.waiting] == [1]


def test_what_was_applied_before_is_acknowledged_and_not_handed_out() -> None:
    lane, asked = lane_with(3, 4, 5, 4, 5, 6, due=5)
    assert [each.offset for each in lane.take(limits.RECORDS_PER_STEP)] == [5, 6]
    assert asked == ["acknowledge 3", "acknowledge 4", "acknowledge 4", "acknowledge 5"]
    assert (lane.due, lane.next_to_fetch) == (7, 7)


def test_a_full_lane_pauses_at_each_further_message_and_resumes_once_there_is_room() -> None:
    lane, asked = lane_with(*range(limits.LANE_FULL + 2))
    assert asked == ["pause", "pause"]
    assert lane.next_to_fetch == limits.LANE_FULL + 2
    lane.take(limits.LANE_FULL - limits.LANE_ROOM)
    assert "resume" not in asked
    lane.take(limits.LANE_ROOM)
    assert asked.count("resume") == 1


def test_a_lane_of_long_pages_is_full_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sent, "value", b"x" * limits.INPUT_MESSAGE)
    most = limits.LANE_BYTES // limits.INPUT_MESSAGE
    lane, asked = lane_with(*range(most))
    assert asked == []
    lane.put(Sent(most, asked))
    assert asked == ["pause"]
    while "resume" not in asked:
        assert len(lane.waiting) * limits.INPUT_MESSAGE >= limits.LANE_BYTES // 2
        lane.take(1)


def test_a_lane_full_of_what_was_applied_before_resumes_too() -> None:
    lane, asked = lane_with(*range(limits.LANE_FULL + 2), due=limits.LANE_FULL + 2)
    assert lane.take(limits.RECORDS_PER_STEP) == []
    assert asked.count("resume") == 1
