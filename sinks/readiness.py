"""Whether all sinks know their partitions, and Kafka answers them."""

import threading
from collections.abc import Callable, Iterable


class Readiness:
    """Sinks report from their threads; whoever asks reads from another one."""

    def __init__(self, sinks: Iterable[str], ready: Callable[[], None]) -> None:
        """Begin without any; `ready` is called once, when all have reported."""
        self._lock = threading.Lock()
        self._waiting = set(sinks)
        self._cut_off: set[str] = set()
        self._ready = ready

    def has(self, name: str) -> None:
        """A sink knows its partitions, be they none, for the first time or again."""
        with self._lock:
            if name in self._waiting:
                self._waiting.remove(name)
                if not self._waiting:
                    self._ready()

    def hears(self, name: str, *, kafka_answers: bool) -> None:
        """Whether Kafka answered a sink when it last asked."""
        with self._lock:
            if kafka_answers:
                self._cut_off.discard(name)
            else:
                self._cut_off.add(name)

    def why_not_ready(self) -> str | None:
        """Who is missing; None if nobody is."""
        with self._lock:
            missing = ", ".join(sorted(self._waiting))
            cut_off = ", ".join(sorted(self._cut_off))
        if cut_off:
            return f"Kafka does not answer {cut_off}: see to it."
        return (
            f"The group has not said yet which partitions are whose: {missing}."
            if missing
            else None
        )
