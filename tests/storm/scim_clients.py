"""Many threads speak for many IdPs in a storm, and repeat what is not acknowledged."""

import itertools
import random
import threading
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial

from tests.storm.scim_idp import AgainError, Idp, Step, Talk, Traffic
from tests.storm.scim_truth import Person, Resource

THREADS = 48
LOOKS = 0.25
"""How often an IdP reads what was just acknowledged."""
TRIES = 20
"""Lines that are tried for one that can go on."""


class StoppedError(Exception):
    """The storm ended before something was acknowledged."""


class Line:
    """Steps that follow one another; those of different lines happen side by side."""

    def __init__(
        self,
        idp: Idp,
        about: Resource,
        steps: Iterator[Step],
        needs: Sequence[Resource] = (),
        *,
        alone: bool = True,
    ) -> None:
        """`needs`: must be there before it begins; `alone`: no other line is about the same."""
        self.idp, self.about, self.alone = idp, about, alone
        self.steps = deque(steps)
        self._needs = needs

    @property
    def can_go_on(self) -> bool:
        return all(each.here and each.id is not None for each in self._needs)

    def another(self, number: int) -> Step | None:
        """What may happen besides, as often as it takes."""
        if isinstance(self.about, Person) and self.about.here:
            return partial(self.idp.change, self.about, {"title": f"Chapter {number}"})
        return None


class Clients:
    """Does what happens at some IdPs, at a pace."""

    def __init__(
        self, traffic: Traffic, lines: Sequence[Line], rng: random.Random, per_second: float
    ) -> None:
        self.traffic = traffic
        self.acknowledged = 0
        """Steps, those beyond the plan included."""
        self.share = 0.0
        """How much of what is planned may happen by now; meanwhile people get new titles."""
        self.failures: list[str] = []
        self._count = sum(len(line.steps) for line in lines)
        self._begun = self._done = 0
        self._waiting = [line for line in lines if line.steps]
        self._busy: set[Line] = set()
        self._through: list[Line] = []
        self._rng = rng
        self._pace = THREADS / per_second
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._ends, self._stopped = threading.Event(), threading.Event()

    def has_got(self, share: float) -> bool:
        """Whether that share of what is planned was acknowledged.

        Raises:
            AssertionError: something was answered in a way that no IdP would repeat.
        """
        assert not self.failures, self.failures[0]
        return self._done >= share * self._count

    def is_quiet(self) -> bool:
        """Begin nothing more; whether all that was begun is acknowledged."""
        self._ends.set()
        assert not self.failures, self.failures[0]
        return not self._busy

    @contextmanager
    def running(self) -> Iterator["Clients"]:
        """Speak in the background until the block ends."""
        threads = [threading.Thread(target=self._go_on) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ends.set()
            self._stopped.set()
            for thread in threads:
                thread.join()

    def _go_on(self) -> None:
        with closing(Talk(self.traffic)) as talk, suppress(StoppedError):
            while not self._stopped.wait(self._pace):
                if (taken := self._take()) is not None:
                    self._do(talk, *taken)

    def _do(self, talk: Talk, line: Line, step: Step, planned: bool) -> None:
        """One step, until it is acknowledged."""
        try:
            talk.is_first = True
            while not self._is_acknowledged(talk, step):
                talk.is_first = False
            if line.alone and self._rng.random() < LOOKS:
                with suppress(AgainError):
                    line.idp.look_at(line.about, talk)
        except StoppedError:
            raise
        except Exception:  # noqa: BLE001 # told to who waits for this thread
            told = [line.about.name, *line.about.told, traceback.format_exc()]
            self.failures.append("\n".join(told))
            return
        with self._lock:
            self.acknowledged += 1
            self._done += planned
            self._busy.remove(line)
            (self._waiting if line.steps else self._through).append(line)

    def _is_acknowledged(self, talk: Talk, step: Step) -> bool:
        try:
            step(talk)
        except AgainError as again:
            self.traffic.counts["repeats"] += 1
            if self._stopped.wait(again.seconds):
                raise StoppedError from None
            return False
        return True

    def _take(self) -> tuple[Line, Step, bool] | None:
        """Something planned if it may happen by now, else another title for somebody."""
        with self._lock:
            if self._ends.is_set():
                return None
            may = self._waiting and self._begun < self._count * self.share
            for _ in range(TRIES if may else 0):
                line = self._rng.choice(self._waiting)
                if line.can_go_on:
                    self._begun += 1
                    self._waiting.remove(line)
                    self._busy.add(line)
                    return line, line.steps.popleft(), True
            while self._through:
                line = self._through.pop(self._rng.randrange(len(self._through)))
                if (step := line.another(next(self._numbers))) is not None:
                    self._busy.add(line)
                    return line, step, False
        return None
