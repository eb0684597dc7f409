"""Has dead letters replayed, and waits for what becomes of each."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import typer

from deploy.cli.client import Api, Body, RefusedError
from deploy.cli.errors import CommandError

PAGE: Final = 200
"""Letters that one request lists."""
PATIENCE_SECONDS: Final = 120.0
"""How long nothing may happen before it is no use to wait any longer."""

_POLL_SECONDS = 0.2

Progress = Callable[[int, int], None]


class Outcome:
    """What became of letters, by their ids."""

    def __init__(self) -> None:
        self.decided: list[str] = []
        self.failed: dict[str, str] = {}
        """Those that could again not be decided, and why."""
        self.refused: dict[str, str] = {}
        """Those that the gateway does not replay, and why."""

    def body(self) -> Body:
        """As JSON shows it."""
        return {
            "decided": self.decided,
            "failed": [{"letter_id": each, "detail": why} for each, why in self.failed.items()],
            "refused": [{"letter_id": each, "detail": why} for each, why in self.refused.items()],
        }


def letters(api: Api, *, since: int = 0, **only: str | None) -> Iterator[Body]:
    """Every letter that fits after a number, in order.

    Raises:
        CommandError: no gateway answers, or it refuses.
    """
    after: int | None = since
    while after is not None:
        page = api.get("dead-letters", **only, after=after, limit=PAGE)
        yield from page["letters"]
        after = page["after"]


def ask(
    api: Api, asked: Sequence[Body], before: Mapping[str, int], told: Outcome, progress: Progress
) -> dict[str, int]:
    """Have letters replayed in their order; each takes along what waits behind it.

    Returns:
        the letters that are on their way, and how often each had failed before.

    Raises:
        CommandError: no gateway answers.
    """
    under_way: dict[str, int] = {}
    for done, letter in enumerate(asked):
        progress(done, len(asked))
        letter_id = letter["letter_id"]
        if letter_id in under_way:
            continue
        try:
            answer = api.post("dead-letters", letter_id, "replay")
        except RefusedError as error:
            if error.code == "settled":  # somebody else was faster
                told.decided.append(letter_id)
            else:
                told.refused[letter_id] = error.reason
            continue
        under_way |= {each: before.get(each, 0) for each in answer["replaying"]}
    return under_way


def wait(api: Api, under_way: Mapping[str, int], told: Outcome, progress: Progress) -> None:
    """Wait until each letter is settled, or failed once more than before.

    Raises:
        CommandError: no gateway answers, or nothing happens for two minutes.
    """
    for done, (letter_id, attempts) in enumerate(under_way.items()):
        progress(done, len(under_way))
        letter = _ruled(api, letter_id, attempts)
        if letter["settled"] is None:
            told.failed[letter_id] = letter["detail"]
        else:
            told.decided.append(letter_id)


def wait_for_directory(api: Api, directory_id: str, seen: set[str], progress: Progress) -> int:
    """Wait until no change waits for a directory any more; the gateway replays them by itself.

    Args:
        api: the gateway.
        directory_id: which directory.
        seen: ids of the letters that waited before it had a tenant.
        progress: told how many are replayed, and of how many.

    Returns:
        how many were replayed.

    Raises:
        CommandError: no gateway answers, or nothing happens for two minutes.
    """
    left, moved_at = set(seen), time.monotonic()
    while left:
        time.sleep(_POLL_SECONDS)
        now = waiting_for(api, directory_id)
        seen |= now
        if now != left:
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > PATIENCE_SECONDS:
            raise _standstill(f"{len(now)} changes of {directory_id} still wait")
        left = now
        progress(len(seen) - len(left), len(seen))
    return len(seen)


def waiting_for(api: Api, directory_id: str) -> set[str]:
    """Ids of the letters that wait for a directory to get a tenant."""
    found = letters(api, reason="unknown_directory", directory=directory_id)
    return {letter["letter_id"] for letter in found}


@contextmanager
def going_on() -> Iterator[None]:
    """Ctrl-C ends the waiting, and says that the replay does not end with it."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(
            "The gateway and the processors go on with what was asked for; `rollcall dead-letters"
            " list` shows what is open.",
            err=True,
        )
        raise typer.Exit(130) from None


def _ruled(api: Api, letter_id: str, attempts: int) -> Body:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        letter = api.get("dead-letters", letter_id)
        if letter["settled"] is not None or letter["attempts"] > attempts:
            return letter
        time.sleep(_POLL_SECONDS)
    raise _standstill(f"The dead letter {letter_id} is not decided yet")


def _standstill(what: str) -> CommandError:
    return CommandError(
        f"{what}, and nothing has happened for {PATIENCE_SECONDS:.0f} s: see that processors and"
        " sinks run and that `rollcall positions show` says ok. The replay itself goes on."
    )
