"""What is a message's own fault, and the dead letter that it becomes."""

import hashlib
from datetime import UTC, datetime
from typing import Final, Literal

import psycopg

from schemas import entities, limits
from schemas.codec import InvalidMessageError, Output
from schemas.commands import RevokeSessions
from schemas.envelope import header
from schemas.events import MemberDeactivated
from schemas.recorded import GroupRecorded, MembershipRecorded, UserRecorded
from schemas.topics import SESSION_REVOCATIONS
from sinks.arrival import Arrival
from sinks.letters import LetterRow

_LIMIT_EXCEEDED: Final = "54"  # SQLSTATE class: a value that is too long for an index, and the like

_DEACTIVATED: Final = "rollcall.member_deactivated.v1"


def is_poison(error: Exception) -> bool:
    """Whether an error of applying one message is the message's fault, or of our code about it.

    Everything else would meet the next message, too: Postgres is away, full or not migrated, a
    lock or deadlock was in the way, memory ran out.
    """
    match error:
        case psycopg.DataError() | psycopg.IntegrityError():
            return True
        case psycopg.Error():
            return (error.sqlstate or "").startswith(_LIMIT_EXCEEDED)
        case MemoryError() | OSError():
            return False
        case _:
            return True


def reason_of(error: Exception) -> str:
    """Why, in one sentence, without the values that Postgres and JSON add to it."""
    match error:
        case InvalidMessageError():
            return str(error)
        case psycopg.Error() if error.diag.message_primary:
            return f"{type(error).__name__}: {error.diag.message_primary}"
        case _:
            return f"{type(error).__name__}: {error}"


def letter(
    sink: str,
    arrival: Arrival,
    output: Output | None,
    reason: Literal["undecodable", "unappliable", "waiting"],
    detail: str,
) -> LetterRow:
    """The dead letter of a message of a sink; `output` is None where it does not decode."""
    letter_id = arrival.letter_id(sink)
    value = arrival.value or b""
    return LetterRow(
        tenant_id=arrival.tenant_id,
        letter_id=letter_id,
        stage=sink,
        reason=reason,
        detail=detail,
        entity=entities.of_letter(output, arrival.headers, letter_id),
        removal=_takes_away(arrival, output),
        directory_id=getattr(output, "directory_id", None),
        cause=header(arrival.headers, "ce_id") or "",
        topic=arrival.topic,
        partition=arrival.partition,
        offset=arrival.position.offset,
        headers=arrival.headers,
        key=arrival.key,
        value=arrival.value if len(value) <= limits.LETTER_VALUE else None,
        sha256=hashlib.sha256(value).hexdigest(),
        recorded_at=datetime.now(UTC),
    )


def _takes_away(arrival: Arrival, output: Output | None) -> bool:
    match output:
        case None:
            is_command = arrival.topic == SESSION_REVOCATIONS.name
            return is_command or header(arrival.headers, "ce_type") == _DEACTIVATED
        case UserRecorded():
            return output.deleted or not output.active
        case GroupRecorded():
            return output.deleted
        case MembershipRecorded():
            return not output.present
        case _:
            return isinstance(output, RevokeSessions | MemberDeactivated)
