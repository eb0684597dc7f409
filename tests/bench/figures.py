"""A figure with the baseline that the same run measured, and the table that they make."""

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- bench: written by `make bench` -->", "<!-- /bench -->"


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str
    baseline: float | None = None
    """The same thing done bare, in the same run and unit."""
    compared_to: str = ""
    goal: str = ""

    @property
    def ratio(self) -> str:
        return "" if self.baseline is None else f"{self.value / self.baseline:.2f}"


def amount(value: float) -> str:
    """Three figures that mean something, no more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of all lies."""
    return statistics.quantiles(values, n=1_000, method="inclusive")[int(share * 1_000) - 1]


def table(figures: Iterable[Figure], people: int) -> str:
    """Markdown for the README."""
    said = f"{machine()}. A first sync is {people:,} people; ratios are to a baseline of the run."
    lines = [
        BEGIN,
        said,
        "",
        "| what | figure | bare | ratio | goal |",
        "|---|---|---|---|---|",
    ]
    for each in figures:
        bare = "" if each.baseline is None else f"{amount(each.baseline)} ({each.compared_to})"
        figure = f"{amount(each.value)} {each.unit}"
        lines.append(f"| {each.what} | {figure} | {bare} | {each.ratio} | {each.goal} |")
    return "\n".join([*lines, END])


def machine() -> str:
    """What it was measured on."""
    model = platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(": ")[2] if names else model
    cores = f"{os.cpu_count()} cores of {model}"
    return f"{cores}, Python {platform.python_version()}, everything on one machine"


def written_into(page: str, text: str) -> str:
    """The page with the table between its marks."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    assert after, f"the page lacks {BEGIN} … {END}"
    return before + text + after
