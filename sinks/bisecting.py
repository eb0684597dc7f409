"""A batch in which something cannot be applied: the rest is applied all the same (DESIGN §5.7).

Everything happens in the transaction that holds the batch's positions.  What fails is undone by a
savepoint and comes again in halves, until what fails is one message: that becomes a dead letter.
Later messages of its entity wait behind it, so order is kept, until a process that is assigned the
partition tries both again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from psycopg import Connection

from schemas import codec, entities, limits, metrics
from schemas.codec import InvalidMessageError, Output
from schemas.commands import RevokeSessions
from sinks import letters, poison
from sinks.arrival import Arrival
from sinks.letters import LetterRow, OpenLetter
from sinks.sink import Sink

log = structlog.get_logger()

Decoded = tuple[Arrival, Output]
Entity = tuple[str, str]
"""A tenant id, and an entity of that tenant."""


class BudgetSpentError(RuntimeError):
    """So many messages cannot be applied that it must be our fault, and not theirs."""


class Bisecting:
    """Applies the messages of one sink; remembers which entities have open letters."""

    def __init__(self, name: str, sink: Sink, connection: Connection) -> None:
        self._name = name
        self._sink = sink
        self._connection = connection
        self._open: set[Entity] = set()  # perhaps too many of them: the table knows
        self._made: list[LetterRow] = []
        self._came: list[datetime] = []  # when the deactivations that are applied came to the door

    def apply(self, arrivals: Sequence[Arrival]) -> None:
        """Apply messages within the caller's transaction, in their order.

        Call `applied` once that transaction is committed.

        Raises:
            BudgetSpentError: too many of the partition's last messages are dead letters.
            psycopg.Error: nothing about a message: this process must end.
        """
        self._made, self._came = [], []  # an attempt that was rolled back made none
        batch: list[Decoded] = []
        for arrival in arrivals:
            try:
                batch.append((arrival, arrival.decoded()))
            except InvalidMessageError as error:
                # First what came before: nothing of its entity may wait behind it.
                self._apply(batch)
                batch = []
                self._bury(poison.letter(self._name, arrival, None, "undecodable", str(error)))
        self._apply(batch)

    def applied(self) -> None:
        """The transaction is committed: tell of its revocations and dead letters."""
        now = datetime.now(UTC)
        for came in self._came:
            metrics.REVOCATION_SECONDS.observe((now - came).total_seconds())
        made, self._made = self._made, []
        for row in made:
            metrics.DEAD_LETTERS.labels(stage=self._name, reason=row.reason).inc()
            fields = {"sink": self._name, "letter_id": row.letter_id, "tenant_id": row.tenant_id}
            fields |= {"entity": row.entity, "reason": row.reason, "detail": row.detail}
            if row.removal:
                metrics.REMOVALS_DEAD.inc()
                log.critical(
                    "a removal is a dead letter: somebody may have access who should have none;"
                    " see `rollcall dead-letters show`",
                    **fields,
                )
            else:
                log.error("a message is a dead letter; see `rollcall dead-letters show`", **fields)

    def retry(self, topic: str, partition: int) -> None:
        """Try the open letters of a partition again within the caller's transaction, oldest first.

        Those behind one that fails again wait on.
        """
        blocked: set[Entity] = set()
        for letter in letters.still_open(self._connection, self._name, topic, partition):
            entity = (letter.tenant_id, letter.entity)
            if entity in blocked or not self._applies_now(letter):
                blocked.add(entity)
        self._open |= blocked

    def _apply(self, batch: Sequence[Decoded]) -> None:
        batch = [each for each in batch if not self._waits(*each)]
        if not batch:
            return
        error = self._failure([output for _, output in batch])
        if error is None:
            self._came += [
                output.recorded_at for _, output in batch if isinstance(output, RevokeSessions)
            ]
            return
        if len(batch) == 1:
            detail = poison.reason_of(error)
            self._bury(poison.letter(self._name, *batch[0], "unappliable", detail))
            return
        middle = len(batch) // 2
        self._apply(batch[:middle])
        self._apply(batch[middle:])

    def _failure(self, outputs: Sequence[Output]) -> Exception | None:
        """Apply messages; where they fail by a fault of theirs, nothing of them stays."""
        try:
            with self._connection.transaction():
                self._sink.apply(self._connection, outputs)
        except Exception as error:
            if not poison.is_poison(error):
                raise
            return error
        return None

    def _waits(self, arrival: Arrival, output: Output) -> bool:
        """Put a message behind the open letters of its entity, if there are any.

        Cut-offs wait for nothing: they are ordered by revision, whenever they come.
        """
        if not self._open or isinstance(output, RevokeSessions):
            return False
        tenant_id, entity = arrival.tenant_id, entities.entity_of(output)
        if (tenant_id, entity) not in self._open:
            return False
        if not letters.is_open(self._connection, tenant_id, entity, self._name):
            self._open.discard((tenant_id, entity))  # it was dropped
            return False
        detail = f"it waits behind an earlier dead letter about {entity}"
        self._bury(poison.letter(self._name, arrival, output, "waiting", detail))
        return True

    def _bury(self, row: LetterRow) -> None:
        letters.insert(self._connection, row)
        self._open.add((row.tenant_id, row.entity))
        self._made.append(row)
        if row.reason != "waiting":
            self._must_be_within_budget(row)

    def _must_be_within_budget(self, last: LetterRow) -> None:
        place = (last.topic, last.partition)
        dead = letters.count(self._connection, self._name, *place, last.offset)
        if dead >= limits.BUDGET_LETTERS:
            raise BudgetSpentError(
                f"{self._name} could not apply {dead} of the last {limits.BUDGET_WINDOW} messages"
                f" of {last.topic}[{last.partition}] (the last: {last.detail}): mend the cause and"
                " start again, which tries them first, or drop those that `rollcall"
                " dead-letters list` shows; what follows is not applied."
            )

    def _applies_now(self, letter: OpenLetter) -> bool:
        if letter.value is None:
            return False  # it was too large to be kept
        try:
            with self._connection.transaction():
                self._replay(letter)
        except Exception as error:
            if not poison.is_poison(error):
                raise
            detail = poison.reason_of(error)
            letters.fail(self._connection, letter.tenant_id, letter.letter_id, detail)
            return False
        return True

    def _replay(self, letter: OpenLetter) -> None:
        # First the letter: it must not be dropped while it is applied.
        if letters.settle(self._connection, letter.tenant_id, letter.letter_id, "replayed"):
            output = codec.decode_output(letter.topic, letter.key, letter.value)
            self._sink.apply(self._connection, [output])
            log.info("a dead letter is applied", sink=self._name, letter_id=letter.letter_id)
