"""What processes tell of themselves on /metrics."""

import time
from collections.abc import Callable

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.clear import CLEAR

LOOK_SECONDS = 0.1
"""Between two looks: each costs the process that is measured some milliseconds."""
PATIENCE = 1_800.0


def told(url: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels."""
    text = httpx2.get(f"{url}/metrics", timeout=30, verify=CLEAR).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def when(look: Callable[[], bool]) -> float:
    """The moment (`time.perf_counter`) at which something is seen."""
    deadline = time.perf_counter() + PATIENCE
    while not look():
        assert time.perf_counter() < deadline, "it takes longer than anybody would wait"
        time.sleep(LOOK_SECONDS)
    return time.perf_counter()


def pace(look: Callable[[], float], until: float) -> float:
    """How many a second a counter grows by, from the last look that saw none to `until`."""
    begun = time.perf_counter()
    while not look():
        begun = time.perf_counter()
        time.sleep(LOOK_SECONDS)
    return until / (when(lambda: look() >= until) - begun)
