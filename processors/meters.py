"""What a loop tells about its steps; labels are looked up once, since steps are many."""

import time
from collections.abc import Mapping
from typing import Final

from processors.core.draft import Outcome
from schemas import metrics
from schemas.topics import LANES, URGENT

_NAMES: Final = {topic.name: "urgent" if topic is URGENT else "changes" for topic in LANES}
_STEPS: Final = {topic: metrics.STEPS.labels(lane=lane) for topic, lane in _NAMES.items()}
_SECONDS: Final = {topic: metrics.STEP_SECONDS.labels(lane=lane) for topic, lane in _NAMES.items()}
_WORK_STEPS: Final = metrics.STEPS.labels(lane="work")
_WORK_SECONDS: Final = metrics.STEP_SECONDS.labels(lane="work")


def took(topic: str, begun: float, outcomes: Mapping[Outcome, int]) -> None:
    """A step of a lane is committed; `begun` is what `time.perf_counter` said."""
    _STEPS[topic].inc()
    _SECONDS[topic].observe(time.perf_counter() - begun)
    for outcome, count in outcomes.items():
        metrics.DECIDED.labels(lane=_NAMES[topic], outcome=outcome).inc(count)


def worked(begun: float) -> None:
    """A chunk of follow-up work is committed."""
    _WORK_STEPS.inc()
    _WORK_SECONDS.observe(time.perf_counter() - begun)
