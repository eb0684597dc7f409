"""One step of a partition: what its transaction will hold, decided message by message.

Each message is applied, or is a dead letter in the same transaction (DESIGN §5.5): what a message
wrote before it failed is forgotten, and what others wrote stays.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog

from processors import dead_letters, pages
from processors.core import budget, letters, work
from processors.core.decide import decide
from processors.core.draft import Decision, Outcome, UndecidableError
from processors.core.overlay import Overlay, Remembering, Writes
from processors.dead_letters import Place, WaitingError
from processors.lane import Lane, Received
from processors.replay import replay
from processors.state_view import StoredState, StoreError
from processors.transaction import Record
from schemas import codec, entities, limits, metrics, state
from schemas.changes import AnyChange, Inbound, Page, is_urgent
from schemas.codec import Output
from schemas.envelope import REPLAY, header
from schemas.letters import Budget, DeadLetter, budget_key
from schemas.settings import Settings
from schemas.state import Position
from schemas.work import AnyWork, tenant_of_work

log = structlog.get_logger()

_LARGEST = limits.OUTPUT_MESSAGE - 4_096  # key, headers and the batch's own bytes fit into the rest


class _Bytes(NamedTuple):
    """A decision as it goes into Kafka, and its state records."""

    outcome: Outcome
    outputs: Sequence[Record]
    encoded: dict[bytes, bytes | None]
    writes: Writes
    dead: bool = False
    """Whether the message became a dead letter by a fault of its own."""


class Step:
    """Reads the partition's state through what it is about to write."""

    def __init__(
        self,
        settings: Settings,
        stored: StoredState,
        partition: int,
        clock: Callable[[], datetime],
        *,
        letters_open: bool,
    ) -> None:
        self._settings = settings
        self._view = Overlay(Remembering(stored))
        self._partition = partition
        self._clock = clock
        self._outputs: list[Record] = []
        self._budget_before = stored.get(budget_key(), Budget)
        self._budget = self._budget_before
        self.letters_open = letters_open
        """Whether some entity has an open dead letter; almost always none has."""
        self.letters: list[DeadLetter] = []
        """The dead letters that it makes."""
        self.outcomes: Counter[Outcome] = Counter()
        """What became of how many messages."""
        self.writes: dict[bytes, bytes | None] = {}
        """State records by key, as they go into the changelog and the store."""

    @property
    def spent(self) -> bool:
        """Whether too many messages became dead letters to go on."""
        return budget.is_spent(self._budget)

    def take(self, lane: Lane, message: Received) -> None:
        """Decide one message, or make it a dead letter.

        Raises:
            StoreError: nothing about the message: this process must end.
        """
        place = Place(lane.topic, lane.topic_id, self._partition)
        letter_id = header(message.headers, REPLAY)
        try:
            said = codec.decode_inbound(message.key, message.value)
        except Exception as error:  # noqa: BLE001 # it is kept with its reason, not swallowed
            self._keep(self._failed(place, message, None, letter_id, error))
            return
        if not isinstance(said, Page):
            self._keep(self._decided(place, message, said, letter_id))
            return
        if letter_id is not None:
            replayed = self._decided(place, message, said, letter_id)
            if replayed.outcome != "applied":
                self._keep(replayed)
                return
            self._apply(replayed)
        # Each change as if it had come alone: a bad one takes no other with it.
        for part, change in pages.parts(message, said):
            self._keep(self._decided(place._replace(part=part.number), part, change, None))

    def _keep(self, decided: _Bytes) -> None:
        self._apply(decided)
        self.outcomes[decided.outcome] += 1
        self._budget = budget.counted(self._budget, dead=decided.dead)

    def reach(self, lane: Lane, last: Received) -> None:
        """Note that everything up to a message of a lane is decided."""
        ce_id = header(last.headers, "ce_id") or ""
        position = Position(topic_id=lane.topic_id, offset=last.offset, ce_id=ce_id)
        self.writes[state.position_key(lane.topic)] = codec.encode(position)
        if self._budget != self._budget_before:
            encoded = None if self._budget is None else codec.encode(self._budget)
            self.writes[budget_key()] = encoded

    def do(self, key: bytes, due: AnyWork) -> None:
        """Do one chunk of follow-up work.

        What cannot be done keeps neither the lanes waiting nor anybody else in the chunk.
        """
        try:
            decided = self._bytes(work.decide_work(self._view, key, due, self._clock()))
        except StoreError:
            raise
        except Exception:
            log.exception("a chunk fails: it is done one by one", kind=type(due).__name__)
            decided = self._one(key, due)
        self._apply(decided)

    def _one(self, key: bytes, due: AnyWork) -> _Bytes:
        """The very next of a chunk, or all but that one."""
        now = self._clock()
        try:
            return self._bytes(work.decide_work(self._view, key, due, now, singly=True))
        except StoreError:
            raise
        except Exception as error:
            metrics.WORK_FAILED.inc()
            log.critical(
                "follow-up work cannot be done and is tried again: somebody may have access who"
                " should have none",
                exc_info=error,
                kind=type(due).__name__,
                tenant_id=tenant_of_work(key),
            )
            return self._bytes(work.passed_over(self._view, key, due, now))

    def records(self) -> list[Record]:
        """Everything that the transaction holds."""
        changelog = self._settings.topic("state-changelog")
        state_records = [Record(changelog, key, value) for key, value in self.writes.items()]
        return [*self._outputs, *state_records]

    def _decided(
        self, place: Place, message: Received, change: Inbound, letter_id: str | None
    ) -> _Bytes:
        try:
            if letter_id is not None:
                said = entities.of_headers(message.headers, letter_id)
                return self._bytes(replay(self._view, change, letter_id, said, self._clock()))
            assert not isinstance(change, Page), "a page is taken apart"
            self._must_not_wait(change)
            return self._bytes(decide(self._view, change, self._clock()))
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 # it is kept with its reason, not swallowed
            return self._failed(place, message, change, letter_id, error)

    def _failed(
        self,
        place: Place,
        message: Received,
        change: Inbound | None,
        letter_id: str | None,
        error: Exception,
    ) -> _Bytes:
        """A message that cannot be decided becomes a dead letter; one that is one stays one."""
        dead_letters.report(place, message, error)
        if letter_id is not None:
            ruling = dead_letters.failed(place, message, letter_id, error, self._clock())
            return self._bytes(Decision(outcome="refused", outputs=(ruling,)))
        letter = dead_letters.dead_letter(place, message, change, error, self._clock())
        return self._put_aside(place, letter, change)

    def _must_not_wait(self, change: AnyChange) -> None:
        """Later changes of an entity wait behind its dead letters; removals wait for nothing.

        A removal leaves a tombstone, so that what is replayed later cannot undo it.
        """
        if not self.letters_open or is_urgent(change):
            return
        entity = entities.entity_of(change)
        if (earlier := letters.first(self._view, change.tenant_id, entity)) is not None:
            raise WaitingError(f"it waits behind the dead letter {earlier} about {entity}")

    def _put_aside(self, place: Place, letter: DeadLetter, change: Inbound | None) -> _Bytes:
        where = (letter.offset, place.part or 0)
        writes = letters.opened(letter.tenant_id, letter.entity, letter.event_id, where)
        self.letters.append(letter)
        self.letters_open = True
        outputs: tuple[Output, ...] = (letter, *dead_letters.settled_as_failed(change))
        made = self._bytes(Decision(outcome="refused", outputs=outputs, writes=writes))
        return made._replace(dead=letter.reason != "waiting")

    def _bytes(self, decision: Decision) -> _Bytes:
        """Encode a decision; what the broker would refuse must not take the whole step with it.

        Raises:
            UndecidableError: a message or record is larger than `limits.OUTPUT_MESSAGE`.
        """
        outputs = [self._record(output) for output in decision.outputs]
        encoded = {
            key: None if record is None else codec.encode(record)
            for key, record in decision.writes.items()
        }
        sizes = [len(each.value or b"") for each in outputs]
        sizes += [len(value or b"") for value in encoded.values()]
        if max(sizes, default=0) > _LARGEST:
            raise UndecidableError(
                f"what follows from it takes {max(sizes)} bytes in one message, and Kafka takes"
                f" {limits.OUTPUT_MESSAGE}: make what it is about smaller"
            )
        return _Bytes(decision.outcome, outputs, encoded, decision.writes)

    def _apply(self, decided: _Bytes) -> None:
        self._outputs += decided.outputs
        self._view.apply(decided.writes)
        self.writes |= decided.encoded

    def _record(self, output: Output) -> Record:
        return Record(
            self._settings.topic(codec.topic_of(output)),
            output.tenant_id.encode(),
            codec.encode(output),
            codec.envelope_of_output(output).headers(),
        )
