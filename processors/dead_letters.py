"""Messages that could not be decided, kept as they stood in Kafka, with the reason."""

import hashlib
from datetime import datetime
from typing import Final, Literal, NamedTuple

import structlog

from processors.core.draft import UndecidableError
from processors.lane import Received
from schemas import entities, ids, limits, metrics, topics
from schemas.changes import Inbound, is_urgent
from schemas.codec import InvalidMessageError
from schemas.envelope import Headers, header
from schemas.letters import DeadLetter, DeadLetterRuled
from schemas.recorded import ChangeSettled

log = structlog.get_logger()

_HEADERS: Final = 64_000  # bytes of headers that a letter keeps at most


class WaitingError(ValueError):
    """A change that may not overtake an earlier dead letter of its entity."""


class Place(NamedTuple):
    """The topic-partition that a message stood on."""

    topic: str
    """Its logical name."""
    topic_id: str
    partition: int
    part: int | None = None
    """Which change of a page; None for the whole message."""


def dead_letter(
    place: Place, message: Received, change: Inbound | None, error: Exception, now: datetime
) -> DeadLetter:
    """The dead letter of a message; its place makes its id, so a repeat is recognisable."""
    letter_id = ids.of_cause("dead-letter", *_where(place, message))
    value = message.value or b""
    headers = _headers(message.headers)
    whole = len(value) <= limits.LETTER_VALUE
    return DeadLetter(
        event_id=letter_id,
        tenant_id=_tenant_of(message),
        cause=_text(header(message.headers, "ce_id") or ""),
        recorded_at=now,
        reason=_reason(error),
        detail=_detail(error),
        entity=entities.of_letter(change, headers, letter_id),  # what is kept says it to a replay
        removal=place.topic == topics.URGENT.name if change is None else is_urgent(change),
        directory_id=getattr(change, "directory_id", None),
        topic=place.topic,
        partition=place.partition,
        offset=message.offset,
        headers=headers,
        key=message.key if whole else (message.key or b"")[: limits.ID_LENGTH],
        value=message.value if whole else None,
        sha256=hashlib.sha256(value).hexdigest(),
    )


def replayed(change: Inbound, letter_id: str, now: datetime) -> DeadLetterRuled:
    """The letter is decided after all."""
    return DeadLetterRuled(
        event_id=ids.of_cause(letter_id, "replayed"),
        tenant_id=change.tenant_id,
        cause=change.change_id,
        recorded_at=now,
        letter_id=letter_id,
        ruling="replayed",
    )


def failed(
    place: Place, message: Received, letter_id: str, error: Exception, now: datetime
) -> DeadLetterRuled:
    """The letter could again not be decided; each try has an event of its own."""
    return DeadLetterRuled(
        event_id=ids.of_cause(letter_id, "failed", *_where(place, message)),
        tenant_id=_tenant_of(message),
        cause=_text(header(message.headers, "ce_id") or ""),
        recorded_at=now,
        letter_id=_text(letter_id)[: limits.ID_LENGTH],
        ruling="failed",
        detail=_detail(error),
    )


def settled_as_failed(change: Inbound | None) -> tuple[ChangeSettled, ...]:
    """Whoever waits for a change that could not be decided is told so."""
    if change is None or not change.reply:
        return ()
    detail = "The change could not be decided; it is kept: see `rollcall dead-letters list`."
    settled = ChangeSettled(
        event_id=ids.of_cause(change.change_id, "settled"),
        tenant_id=change.tenant_id,
        cause=change.change_id,
        recorded_at=change.recorded_at,
        status=500,
        body={"error": "undecidable", "detail": detail},
    )
    return (settled,)


def report(place: Place, message: Received, error: Exception) -> None:
    """Log why something cannot be decided; what was not foreseen is our mistake: with traceback."""
    if isinstance(error, WaitingError):
        return
    where = {"topic": place.topic, "partition": place.partition, "offset": message.offset}
    if _is_expected(error):
        log.warning("cannot be decided", detail=_detail(error), **where)
    else:
        log.error("cannot be decided", exc_info=error, **where)


def tell(letters: list[DeadLetter]) -> None:
    """Count letters that are committed; one that would have taken access away alerts at once."""
    for letter in letters:
        metrics.DEAD_LETTERS.labels(stage="processors", reason=letter.reason).inc()
        if letter.removal:
            metrics.REMOVALS_DEAD.inc()
            log.critical(
                "a removal is a dead letter: somebody may have access who should have none;"
                " see `rollcall dead-letters show`",
                letter_id=letter.event_id,
                tenant_id=letter.tenant_id,
                entity=letter.entity,
            )


def _reason(error: Exception) -> Literal["undecodable", "undecidable", "waiting"]:
    match error:
        case InvalidMessageError():
            return "undecodable"
        case WaitingError():
            return "waiting"
        case _:
            return "undecidable"


def _detail(error: Exception) -> str:
    detail = str(error) if _is_expected(error) else f"{type(error).__name__}: {error}"
    return _text(detail)[: limits.LETTER_DETAIL]


def _is_expected(error: Exception) -> bool:
    return isinstance(error, InvalidMessageError | UndecidableError | WaitingError)


def _where(place: Place, message: Received) -> tuple[str, ...]:
    where = (place.topic_id, str(place.partition), str(message.offset))
    return where if place.part is None else (*where, str(place.part))


def _tenant_of(message: Received) -> str:
    """What the key says, cut: a foreign key of a megabyte would make the letter too large."""
    return _text((message.key or b"")[: limits.ID_LENGTH].decode("utf-8", "replace"))


def _headers(headers: Headers) -> Headers:
    """All of them, unless somebody sent far more than we ever write."""
    kept = [(_text(name), value or b"") for name, value in headers]  # foreign ones may be null
    return kept if sum(len(name) + len(value) for name, value in kept) <= _HEADERS else []


def _text(foreign: str) -> str:
    """Without NUL, which Postgres cannot hold and which parts our keys."""
    return foreign.replace("\0", "\N{REPLACEMENT CHARACTER}")
