"""What a simulated IdP sent, how it was answered, and what it stumbled over."""

import statistics
from collections import Counter, defaultdict
from typing import Any, Final

from msgspec import Struct, field, to_builtins

EXAMPLE: Final = 300
"""Characters of an answer that are shown with a surprise."""

_PERCENTILES: Final = (50, 95, 99)


class Surprise(Struct):
    """Something that the provider would stumble over."""

    request: str
    """The kind of request that it followed."""
    what: str
    """A sentence."""
    count: int = 0
    example: str = ""
    """The first request that it followed, and what was answered."""


class Phase(Struct):
    """A part of the run: the probe, a sync, a step of life."""

    name: str
    requests: int = 0
    writes: int = 0
    seconds: float = 0.0


class Report(Struct):
    """All of it."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By kind of request, how long each took; repeats count on their own."""
    statuses: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By kind of request; `none` where no answer came."""
    phases: list[Phase] = field(default_factory=list)
    found: dict[tuple[str, str], Surprise] = field(default_factory=dict)

    def begin(self, name: str) -> Phase:
        """What follows belongs to another phase."""
        self.phases.append(Phase(name))
        return self.phases[-1]

    def note(self, kind: str, status: str, seconds: float, *, writes: bool) -> None:
        """One request and its answer."""
        self.seconds[kind].append(seconds)
        self.statuses[kind][status] += 1
        self.phases[-1].requests += 1
        self.phases[-1].writes += writes

    def surprise(self, request: str, what: str, example: str = "") -> None:
        """The provider stumbles; the same sentence about the same kind is counted."""
        known = self.found.setdefault((request, what), Surprise(request, what, example=example))
        known.count += 1

    def rows(self) -> list[dict[str, Any]]:
        """A row a kind of request, in the order in which they first came; milliseconds."""
        return [
            {
                "request": kind,
                "count": len(seconds),
                **_percentiles(seconds),
                "statuses": [
                    {"status": status, "count": count}
                    for status, count in self.statuses[kind].items()
                ],
            }
            for kind, seconds in self.seconds.items()
        ]

    def body(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {
            "phases": [
                {"name": each.name, "requests": each.requests, "seconds": round(each.seconds, 2)}
                for each in self.phases
            ],
            "requests": self.rows(),
            "surprises": to_builtins(self.surprises),
        }

    @property
    def surprises(self) -> list[Surprise]:
        """What was stumbled over, in the order in which it was first seen."""
        return [*self.found.values()]


def _percentiles(seconds: list[float]) -> dict[str, float]:
    several = seconds if len(seconds) > 1 else seconds * 2
    cuts = statistics.quantiles(several, n=100, method="inclusive")
    return {f"p{share}_ms": round(cuts[share - 1] * 1_000, 1) for share in _PERCENTILES}
