"""Moves positions as an operator accepted it: told to the audit log first, then done."""

from contextlib import closing
from typing import Final

from deploy import installation
from deploy.cluster import asked
from deploy.errors import NotAcceptedError
from deploy.positions import operating
from deploy.positions.acceptance import Move, Plan
from deploy.positions.memory import unseen
from deploy.positions.survey import PROCESSORS, Standing, Survey
from schemas import codec, state
from schemas.events import AuditEntry
from schemas.settings import Settings

COMMAND: Final = "positions accept"

_UPSERT: Final = """
    INSERT INTO sink_position (sink, topic, partition, topic_id, "offset", ce_id, reached)
    VALUES (%(sink)s, %(topic)s, %(partition)s, %(topic_id)s, %(offset)s, %(ce_id)s, 0)
    ON CONFLICT (sink, topic, partition) DO UPDATE
    SET topic_id = excluded.topic_id, "offset" = excluded."offset", ce_id = excluded.ce_id,
        reached = 0
    WHERE (sink_position.topic_id, sink_position."offset", sink_position.ce_id)
        = (%(old_topic_id)s, %(old_offset)s, %(old_ce_id)s)
"""


def carry_out(settings: Settings, accepted: Plan, reason: str) -> None:
    """Tell the audit log, then change what the plan says; safe to repeat after a failure.

    Raises:
        NotAcceptedError: a reader moved on meanwhile; it stays where it is now.
        InstallationError: Kafka or Postgres is away.
    """
    if accepted.topic_id is not None:
        told = f"The operator accepted that {accepted.anew}: {reason}"
        operating.audit(settings, operating.entry_of(COMMAND, f"topic/{accepted.topic}", told))
        installation.note_topic(settings, settings.topic(accepted.topic), accepted.topic_id)
    for move in accepted.moves:
        old = move.old
        subject = f"position/{old.reader}/{old.topic}/{old.partition}"
        told = f"The operator accepted that {move.sentence}: {reason}"
        entry = operating.entry_of(COMMAND, subject, told)
        if old.reader == PROCESSORS:
            _move_processors(settings, move, entry)
        else:
            _move_sink(settings, move, entry)


def _move_processors(settings: Settings, move: Move, entry: AuditEntry) -> None:
    old = move.old

    def first() -> None:
        with closing(Survey(settings)) as survey:
            memory = survey.memory.of([old.partition], unseen)[old.partition]
        if memory.positions.get(old.topic) != old.position:
            raise _moved_on(old)
        operating.audit(settings, entry)

    key, value = state.position_key(old.topic), codec.encode(move.position)
    with asked():
        operating.write_state(settings, old.partition, key, value, first)


def _move_sink(settings: Settings, move: Move, entry: AuditEntry) -> None:
    old, new = move.old, move.position
    before = old.position
    row = {
        "sink": old.reader,
        "topic": settings.topic(old.topic),
        "partition": old.partition,
        "topic_id": new.topic_id,
        "offset": new.offset,
        "ce_id": new.ce_id,
        "old_topic_id": before and before.topic_id,
        "old_offset": before and before.offset,
        "old_ce_id": before and before.ce_id,
    }
    with operating.as_sink(settings) as connection:
        if connection.execute(_UPSERT, row).rowcount != 1:
            raise _moved_on(old)
        operating.audit_within(connection, entry)


def _moved_on(old: Standing) -> NotAcceptedError:
    return NotAcceptedError(
        f"{old.reader} moved on in {old.topic}[{old.partition}] meanwhile: see `rollcall positions"
        " show`."
    )
