"""The dead letters of processors and the door, and what became of any dead letter."""

from collections.abc import Sequence
from typing import Final

from psycopg import Connection

from schemas.codec import Output
from schemas.letters import DeadLetter, DeadLetterRuled
from schemas.topics import DEAD_LETTERS
from sinks import letters
from sinks.letters import LetterRow

topics: Final = (DEAD_LETTERS,)
"""What this sink reads."""


def apply(connection: Connection, outputs: Sequence[Output]) -> None:
    """Keep letters and rulings within the caller's transaction.

    One by one: they are few, and a ruling often follows its letter at once.
    """
    for event in outputs:
        match event:
            case DeadLetter():
                letters.insert(connection, _row(event))
            case DeadLetterRuled(ruling="failed"):
                letters.fail(connection, event.tenant_id, event.letter_id, event.detail)
            case DeadLetterRuled(ruling="replayed" | "dropped" as how):
                letters.settle(connection, event.tenant_id, event.letter_id, how)
            case _:
                raise AssertionError(f"{type(event).__name__} is on no topic of this sink")


def tidy(_connection: Connection, /) -> None:
    """Nothing can wait."""


def _row(event: DeadLetter) -> LetterRow:
    return LetterRow(
        tenant_id=event.tenant_id,
        letter_id=event.event_id,
        stage="ingest" if event.reason == "unknown_directory" else "processors",
        reason=event.reason,
        detail=event.detail,
        entity=event.entity,
        removal=event.removal,
        directory_id=event.directory_id,
        cause=event.cause,
        topic=event.topic,
        partition=event.partition,
        offset=event.offset,
        headers=event.headers,
        key=event.key,
        value=event.value,
        sha256=event.sha256,
        recorded_at=event.recorded_at,
    )
