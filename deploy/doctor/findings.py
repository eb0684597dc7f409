"""What a check found: how bad it is, a sentence about it, and what to do."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import msgspec

from deploy.doctor.patient import Patient

Verdict = Literal["ok", "warning", "problem"]
"""A warning is worth knowing; a problem has to be mended."""

Judged = tuple[Verdict, str, str | None]
"""A verdict, its sentence, and what to do where the sentence does not say it."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report."""

    check: str
    verdict: Verdict
    sentence: str
    advice: str | None
    """What to do; None where there is nothing to do, or the sentence says it."""


class Check(NamedTuple):
    """One thing that is examined, whatever becomes of the others."""

    name: str
    ask: Callable[[Patient], Iterator[Judged]]
    needs: tuple[str, ...] = ()
    """Checks without which there is nothing to ask, those first that say most."""


def ok(sentence: str) -> Judged:
    """All is as it should be."""
    return "ok", sentence, None


def warning(sentence: str, advice: str | None) -> Judged:
    """Something that is worth knowing."""
    return "warning", sentence, advice


def problem(sentence: str, advice: str | None) -> Judged:
    """Something that has to be mended."""
    return "problem", sentence, advice


def named(names: list[str], most: int = 3) -> str:
    """A list in words, the first few of it by name."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
