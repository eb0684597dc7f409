"""One loop per partition, one step at a time, one transaction per step (DESIGN §5.1).

Nothing interleaves, urgent changes go first, and a step that was not committed never happened.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Literal, Protocol

import structlog

from processors import dead_letters, gaps, meters
from processors.core import budget, work
from processors.lane import GapError, Lane, Received
from processors.state_view import StoredState
from processors.step import Step
from processors.transaction import Transaction
from schemas import limits, metrics
from schemas.letters import LETTERS, Budget, Letter, budget_key
from schemas.settings import Settings
from schemas.work import HOUSEKEEPING, WORK

log = structlog.get_logger()

Reason = Literal["budget", "gap"]
_WHAT_TO_DO: Final[dict[Reason, str]] = {
    "budget": "the partition stopped: too many of its last messages could not be decided. See"
    " `rollcall dead-letters list`, mend the cause, then run `rollcall dead-letters resume`.",
    "gap": "the partition stopped: its log lacks an offset for the second time. See `rollcall"
    " positions show`, then run `rollcall positions accept`.",
}


class PartitionStore(Protocol):
    """The partition's local store; what it is told was committed to the changelog before."""

    @property
    def state(self) -> StoredState:
        """What it holds."""

    def apply(self, writes: Sequence[tuple[bytes, bytes | None]], end: int) -> None:
        """Take over committed writes, by the method that recovery uses (DESIGN §5.3)."""


class PartitionLoop:
    """Decides one partition, from the end of a generation's recovery to its revocation."""

    def __init__(
        self,
        settings: Settings,
        lanes: Sequence[Lane],
        store: PartitionStore,
        transaction: Transaction,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self.lanes = lanes
        self._store = store
        self._transaction = transaction
        self._clock = clock
        self._wake = asyncio.Event()
        self._stopping = False
        self._may_have_work = True
        self._alarm: asyncio.TimerHandle | None = None
        self._letters_open = any(True for _ in store.state.scan(LETTERS, Letter, b""))
        self.parked: Reason | None = None
        """Why nothing is decided until an operator acts; None while things are decided."""
        if budget.is_spent(store.state.get(budget_key(), Budget)):
            self._park("budget")

    def put(self, lane: int, message: Received) -> None:
        """Hand over a message of a lane."""
        if self.parked is not None:
            _turn_away(message)
            return
        if self._stopping:
            message.acknowledge()  # the next generation reads it again
            return
        self.lanes[lane].put(message)
        self._wake.set()

    def stop(self) -> None:
        """Begin no further step; `run` returns when the one in flight is finished."""
        self._stopping = True
        self._set_alarm(None)  # it would hold this loop and its producer until it rings
        self._wake.set()

    async def run(self) -> None:
        """Take steps until told to stop: urgent changes, then changes and due work in turn.

        Raises:
            Exception: anything from Kafka, the store or Faust: this process must end.
        """
        while not self._stopping:
            urgent, changes = self.lanes
            if self.parked is not None:
                await self._wake.wait()
            elif urgent.waiting:
                await self._step(urgent)
                continue
            elif changes.waiting:
                await self._step(changes)
            elif not self._may_have_work:
                await self._wake.wait()
            self._wake.clear()
            if self._may_have_work and not (urgent.waiting or self.parked or self._stopping):
                await self._work_step()
        for lane in self.lanes:
            while lane.waiting:
                lane.waiting.popleft().acknowledge()  # as in `put`

    async def _step(self, lane: Lane) -> None:
        """Take what waits in a lane, decide it, commit outputs, state and position as one."""
        batch = self._taken(lane)
        if not batch:
            return
        begun = time.perf_counter()
        step = self._new_step()
        for message in batch:
            step.take(lane, message)
            last = message
            if step.spent:
                break  # what follows stays undecided, and is read again when the partition goes on
        step.reach(lane, last)
        await self._commit(step)
        lane.moved_at = time.time()
        meters.took(lane.topic, begun, step.outcomes)
        if step.spent:
            self._park("budget")
        for message in batch:
            message.acknowledge()

    def _taken(self, lane: Lane) -> list[Received]:
        """The next messages; none where the log has the same gap for the second time.

        Raises:
            GapError: it has a gap that is new.
        """
        try:
            return lane.take(limits.RECORDS_PER_STEP)
        except GapError:
            metrics.GAPS.inc()
            if not gaps.met_before(self._settings, lane, self._transaction.partition):
                raise
            self._park("gap")
            return []

    async def _work_step(self) -> None:
        """Do one chunk of the follow-up work that is due, or wait until there is some."""
        stored = self._store.state
        found = work.due(stored, self._clock())
        if found is None:
            self._may_have_work = False
            self._set_alarm(work.next_due(stored))
            return
        begun = time.perf_counter()
        step = self._new_step()
        step.do(*found)
        await self._commit(step)
        meters.worked(begun)

    def _new_step(self) -> Step:
        return Step(
            self._settings,
            self._store.state,
            self._transaction.partition,
            self._clock,
            letters_open=self._letters_open,
        )

    async def _commit(self, step: Step) -> None:
        """The log first, then the store."""
        end = await self._transaction.commit(step.records())
        self._store.apply(list(step.writes.items()), end)
        self._letters_open = step.letters_open
        dead_letters.tell(step.letters)
        if any(key.startswith((WORK, HOUSEKEEPING)) for key in step.writes):
            self._may_have_work = True

    def _park(self, why: Reason) -> None:
        """Decide nothing more, so that neither a bad deploy nor a restart drains the topic.

        What is read is turned away: it stays in the log, and the position says where to go on.
        """
        self.parked = why
        log.critical(_WHAT_TO_DO[why], partition=self._transaction.partition)
        for lane in self.lanes:
            while lane.waiting:
                _turn_away(lane.waiting.popleft())

    def _set_alarm(self, due: datetime | None) -> None:
        """Look again when the first piece of later work is due; one alarm at most."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        if due is not None:
            seconds = max(0.0, (due - self._clock()).total_seconds())
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._work_is_due)

    def _work_is_due(self) -> None:
        self._may_have_work = True
        self._wake.set()


def _turn_away(message: Received) -> None:
    """Acknowledged, since rebalances wait for it; fetched no more, since nobody would decide it."""
    message.pause()
    message.acknowledge()
