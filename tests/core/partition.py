"""A partition's loop without its log: steps over an overlay, commits, chunks of work in between.

It checks what must hold at every decision, so that each property does.
"""

from typing import TypeVar

from processors.core import work
from processors.core.decide import decide
from processors.core.draft import Decision
from processors.core.overlay import Overlay
from processors.state_view import StoredState
from schemas.changes import AnyChange
from schemas.codec import Output
from schemas.origin import DirectoryChange
from schemas.state import State
from tests.core import scenario
from tests.core.histories import TENANTS, Arrival
from tests.core.scenario import ARRIVED, SOON, DictStore

R = TypeVar("R", bound=State)


class Partition:
    """Takes what arrives; keeps everything that it said."""

    def __init__(self) -> None:
        self.store = DictStore()
        self.state = StoredState(self.store)
        self.said: list[Output] = []
        self._step = Overlay(self.state)

    def run(self, arrivals: list[Arrival]) -> None:
        """Take all that arrives, then do all the work that is left."""
        for arrival in arrivals:
            self.take(arrival.change)
            if arrival.commits:
                self.commit()
            for _ in range(arrival.chunks):
                self._work()
        while self._work():
            pass

    def take(self, change: AnyChange) -> None:
        """Decide a change and, at once, its repeat."""
        decision = self._decided(change)
        assert decision.outcome in {"applied", "repeat", "late", "refused"}
        assert (decision.outcome == "repeat") <= (not decision.writes)
        self._step.apply(decision.writes)
        self.said += decision.outputs
        if isinstance(change, DirectoryChange):
            again = self._decided(change)
            assert (again.outputs, dict(again.writes)) == ((), {})
            assert again.outcome == "repeat" or decision.outcome == "refused"

    def commit(self) -> None:
        """End the step: what it wrote becomes the state."""
        self.store.apply(self._step.writes)
        self._step = Overlay(self.state)

    def records(self, kind: str, record: type[R]) -> dict[tuple[str, ...], R]:
        """All records of a kind, by the ids in their keys; no two tenants share an id."""
        found: dict[tuple[str, ...], R] = {}
        for tenant in TENANTS:
            found |= scenario.records(self.state, tenant, kind, record)
        return found

    def _decided(self, change: AnyChange) -> Decision:
        """A decision, which must leave alone what it read."""
        stored, written = dict(self.store.values), dict(self._step.writes)
        decision = decide(self._step, change, ARRIVED)
        assert (self.store.values, self._step.writes) == (stored, written)
        return decision

    def _work(self) -> bool:
        """One chunk in a step of its own, if one is due."""
        self.commit()
        found = work.due(self._step, SOON)
        if found is None:
            return False
        decision = work.decide_work(self._step, *found, now=ARRIVED)
        self._step.apply(decision.writes)
        self.said += decision.outputs
        self.commit()
        return True
