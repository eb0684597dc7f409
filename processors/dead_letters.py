"""Messages that could not be decided, kept as they stood in Kafka, with the reason."""

from datetime import datetime
from typing import Literal, Protocol

from processors.core.draft import UndecidableError
from schemas import ids
from schemas.codec import InvalidMessageError
from schemas.envelope import Headers, header
from schemas.events import DeadLetter


class Stood(Protocol):
    """A message as it stood in Kafka."""

    @property
    def offset(self) -> int:
        """Its offset."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its body."""

    @property
    def headers(self) -> Headers:
        """Its headers."""


def dead_letter(
    topic: str,
    topic_id: str,
    partition: int,
    message: Stood,
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
