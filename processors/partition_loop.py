"""One loop per partition, one step at a time, one transaction per step (DESIGN §5.1).

Nothing interleaves, urgent changes go first, and a step that was not committed never happened.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from processors.core import work
from processors.core.decide import decide
from processors.core.draft import Decision
from processors.core.overlay import Overlay
from processors.dead_letters import Place, dead_letter, settled_as_failed
from processors.lane import Lane, Received
from processors.state_view import StoredState, StoreError
from processors.transaction import Record, Transaction
from schemas import codec, limits, state
from schemas.changes import AnyChange
from schemas.codec import Output
from schemas.envelope import header
from schemas.settings import Settings
from schemas.state import Position
from schemas.work import WORK, AnyWork

log = structlog.get_logger()


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

    def put(self, lane: int, message: Received) -> None:
        """Hand over a message of a lane."""
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
            if urgent.waiting:
                await self._step(urgent)
                continue
            if changes.waiting:
                await self._step(changes)
            elif not self._may_have_work:
                await self._wake.wait()
            self._wake.clear()
            if self._may_have_work and not urgent.waiting and not self._stopping:
                await self._work_step()

    async def _step(self, lane: Lane) -> None:
        """Take what waits in a lane, decide it, commit outputs, state and position as one."""
        batch = lane.take(limits.RECORDS_PER_STEP)
        if not batch:
            return
        view = Overlay(self._store.state)
        outputs: list[Output] = []
        for message in batch:
            decision = self._decide(view, lane, message)
            view.apply(decision.writes)
            outputs += decision.outputs
        last = batch[-1]
        position = Position(
            topic_id=lane.topic_id,
            offset=last.offset,
            ce_id=header(last.headers, "ce_id") or "",
        )
        view.put(state.position_key(lane.topic), position)
        await self._commit(view, outputs)
        for message in batch:
            message.acknowledge()

    def _decide(self, view: Overlay, lane: Lane, message: Received) -> Decision:
        """Every message is applied, or is a dead letter in the same transaction (DESIGN §5.5)."""
        change: AnyChange | None = None
        try:
            change = codec.decode_change(message.key, message.value)
            return decide(view, change, self._clock())
        except StoreError:
            raise  # nothing about the message: this process must end
        except Exception as error:
            log.exception("dead letter", topic=lane.topic, offset=message.offset)
            place = Place(lane.topic, lane.topic_id, self._transaction.partition)
            letter = dead_letter(place, message, error, self._clock())
            return Decision(outcome="refused", outputs=(letter, *settled_as_failed(change)))

    async def _work_step(self) -> None:
        """Do one chunk of the follow-up work that is due, or wait until there is some."""
        stored = self._store.state
        found = work.due(stored, self._clock())
        if found is None:
            self._may_have_work = False
            self._set_alarm(work.next_due(stored))
            return
        view = Overlay(stored)
        decision = self._decide_work(stored, *found)
        view.apply(decision.writes)
        await self._commit(view, list(decision.outputs))

    def _decide_work(self, stored: StoredState, key: bytes, due: AnyWork) -> Decision:
        """Work that cannot be done must not keep the lanes from being read: it waits."""
        try:
            return work.decide_work(stored, key, due, self._clock())
        except StoreError:
            raise
        except Exception:
            log.exception("follow-up work is postponed", kind=type(due).__name__)
            return work.postponed(key, due, self._clock())

    async def _commit(self, view: Overlay, outputs: Sequence[Output]) -> None:
        """The log first, then the store."""
        writes = [
            (key, None if record is None else codec.encode(record))
            for key, record in view.writes.items()
        ]
        changelog = self._settings.topic("state-changelog")
        records = [self._record(output) for output in outputs]
        records += [Record(changelog, key, value) for key, value in writes]
        end = await self._transaction.commit(records)
        self._store.apply(writes, end)
        if any(key.startswith(WORK) for key in view.writes):
            self._may_have_work = True

    def _record(self, output: Output) -> Record:
        return Record(
            self._settings.topic(codec.topic_of(output)),
            output.tenant_id.encode(),
            codec.encode(output),
            codec.envelope_of_output(output).headers(),
        )

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
