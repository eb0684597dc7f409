"""Messages that could not be decided, kept as they stood in Kafka, with the reason."""

from datetime import datetime
from typing import Literal, NamedTuple

from processors.core.draft import UndecidableError
from processors.lane import Received
from schemas import ids, limits
from schemas.changes import AnyChange
from schemas.codec import InvalidMessageError
from schemas.envelope import header
from schemas.events import ChangeSettled, DeadLetter


class Place(NamedTuple):
    """The topic-partition that a message stood on."""

    topic: str
    """Its logical name."""
    topic_id: str
    partition: int


def dead_letter(place: Place, message: Received, error: Exception, now: datetime) -> DeadLetter:
    """The dead letter of a message; its place makes its id, so a repeat is recognisable."""
    reason: Literal["undecodable", "undecidable"] = (
        "undecodable" if isinstance(error, InvalidMessageError) else "undecidable"
    )
    expected = isinstance(error, InvalidMessageError | UndecidableError)
    where = (place.topic_id, str(place.partition), str(message.offset))
    return DeadLetter(
        event_id=ids.of_cause("dead-letter", *where),
        # Cut: a foreign key of a megabyte would make the letter itself too large to be written.
        tenant_id=(message.key or b"")[: limits.ID_LENGTH].decode("utf-8", "replace"),
        cause=header(message.headers, "ce_id") or "",
        recorded_at=now,
        reason=reason,
        detail=str(error) if expected else f"{type(error).__name__}: {error}",
        topic=place.topic,
        partition=place.partition,
        offset=message.offset,
        headers=message.headers,
        key=message.key,
        value=message.value,
    )


def settled_as_failed(change: AnyChange | None) -> tuple[ChangeSettled, ...]:
    """Whoever waits for a change that could not be decided is told so."""
    if change is None or not change.reply:
        return ()
    detail = "The change could not be decided; it is kept as a dead letter."
    settled = ChangeSettled(
        event_id=ids.of_cause(change.change_id, "settled"),
        tenant_id=change.tenant_id,
        cause=change.change_id,
        recorded_at=change.recorded_at,
        status=500,
        body={"error": "undecidable", "detail": detail},
    )
    return (settled,)
