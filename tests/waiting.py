"""The one way in which tests wait."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.02

Value = TypeVar("Value")


def eventually(observable: Callable[[], Value | None], deadline_seconds: float) -> Value:
    """Return the observable's first true value; an exception of the observable passes through.

    Raises:
        AssertionError: none came in time; it names the last value.
    """
    deadline = time.monotonic() + deadline_seconds
    while not (value := observable()):
        if time.monotonic() > deadline:
            name = getattr(observable, "__qualname__", repr(observable))
            raise AssertionError(f"{name} was still {value!r} after {deadline_seconds} s")
        time.sleep(POLL_SECONDS)
    return value
