"""Messages that could not be decided, kept as they stood in Kafka, with the reason."""

from datetime import datetime
from typing import Literal

from processors.core.draft import UndecidableError
from processors.lane import Received
from schemas import ids
from schemas.codec import InvalidMessageError
from schemas.envelope import header
from schemas.events import DeadLetter


def dead_letter(
    topic: str,
    topic_id: str,
    partition: int,
    message: Received,
    *,
    error: Exception,
    now: datetime,
) -> DeadLetter:
    """The dead letter of a message; its place makes its id, so a repeat is recognisable."""
    reason: Literal["undecodable", "undecidable"] = (
        "undecodable" if isinstance(error, InvalidMessageError) else "undecidable"
    )
    expected = isinstance(error, InvalidMessageError | UndecidableError)
    return DeadLetter(
        event_id=ids.of_cause("dead-letter", topic_id, str(partition), str(message.offset)),
        tenant_id=(message.key or b"").decode("utf-8", "replace"),
        cause=header(message.headers, "ce_id") or "",
        recorded_at=now,
        reason=reason,
        detail=str(error) if expected else f"{type(error).__name__}: {error}",
        topic=topic,
        partition=partition,
        offset=message.offset,
        headers=message.headers,
        key=message.key,
        value=message.value,
    )
