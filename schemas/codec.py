"""Bytes to messages and back: the one place that knows JSON.

What comes from Kafka is foreign: it decodes to a message or to an Invalid that says why.
"""

import typing
from functools import cache
from typing import Any, Final, TypeVar

import msgspec

from schemas import events, limits, recorded, topics
from schemas.changes import AnyChange, Inbound, Page, is_urgent
from schemas.commands import SessionCommand
from schemas.entities import entity_of
from schemas.envelope import Envelope
from schemas.letters import DeadLetterEvent
from schemas.state import State
from schemas.work import AnyWork, Work

Output = (
    recorded.DirectoryEvent
    | events.AccessEvent
    | events.DeprovisionEvent
    | events.AuditEntry
    | DeadLetterEvent
    | SessionCommand
)
"""Everything that processors publish."""

BODIES: Final[dict[str, Any]] = {
    topics.CHANGES.name: Inbound,
    topics.URGENT.name: Inbound,
    topics.DIRECTORY_EVENTS.name: recorded.DirectoryEvent,
    topics.ACCESS_EVENTS.name: events.AccessEvent,
    topics.DEPROVISIONS.name: events.DeprovisionEvent,
    topics.SESSION_REVOCATIONS.name: SessionCommand,
    topics.AUDIT_ENTRIES.name: events.AuditEntry,
    topics.DEAD_LETTERS.name: DeadLetterEvent,
}
"""What each topic carries; the changelog carries state records."""

_TOPIC_OF: Final[dict[type[Any], str]] = {
    message: name
    for name, union in BODIES.items()
    for message in typing.get_args(union) or (union,)
    if name not in {topics.URGENT.name, topics.CHANGES.name}
}
_encoder: Final = msgspec.json.Encoder()
_decoders: Final = {name: msgspec.json.Decoder(union) for name, union in BODIES.items()}
_records: Final[dict[type[State], msgspec.json.Decoder[State]]] = {
    AnyWork: msgspec.json.Decoder(Work)
}

Record = TypeVar("Record", bound=State)


class InvalidMessageError(ValueError):
    """Bytes from Kafka that are not a message of their topic.

    The text says why, without the bytes.
    """


def topic_of(output: Output) -> str:
    """The logical name of the topic that an output belongs on."""
    return topic_of_type(type(output))


def output_types() -> frozenset[type[Output]]:
    """Every kind of message that processors publish."""
    return frozenset(_TOPIC_OF)


def topic_of_type(message: type[Output]) -> str:
    """The logical name of the topic that a kind of output belongs on."""
    return _TOPIC_OF[message]


def type_of(message: Inbound | Output) -> str:
    """The ce_type of a message."""
    return _type_of(type(message))


@cache
def _type_of(message: type[Any]) -> str:
    return f"rollcall.{message.__struct_config__.tag}.v1"


def encode(message: Inbound | Output | State) -> bytes:
    """The JSON of a message or state record."""
    return _encoder.encode(message)


def decode_inbound(key: bytes | None, value: bytes | None) -> Inbound:
    """What stands on a lane: a change, or a page of them.

    Raises:
        InvalidMessageError: neither, or not all of the tenant that its key names.
    """
    message: Any = _decode(topics.CHANGES.name, key, value)
    if isinstance(message, Page):
        if len(message.changes) > limits.PAGE_CHANGES:
            raise InvalidMessageError(f"a page holds at most {limits.PAGE_CHANGES} changes")
        if any(change.tenant_id != message.tenant_id for change in message.changes):
            raise InvalidMessageError("the page holds a change of another tenant")
        if any(is_urgent(change) for change in message.changes):
            raise InvalidMessageError("the page holds an urgent change")
    return message  # type: ignore[no-any-return] # what the lanes carry


def decode_change(key: bytes | None, value: bytes | None) -> AnyChange:
    """A change that stands by itself.

    Raises:
        InvalidMessageError: not a change, or not of the tenant that its key names.
    """
    message = decode_inbound(key, value)
    if isinstance(message, Page):
        raise InvalidMessageError("a page stands where one change should")
    return message


def decode_output(topic: str, key: bytes | None, value: bytes | None) -> Output:
    """A message from an output topic, named logically.

    Raises:
        InvalidMessageError: not a message of that topic, or not of the tenant that its key names.
    """
    return _decode(topic, key, value)  # type: ignore[return-value] # its type


def _decode(topic: str, key: bytes | None, value: bytes | None) -> Inbound | Output:
    try:
        message = _decoders[topic].decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMessageError(f"does not decode: {error}") from error
    if key is None or key != message.tenant_id.encode():
        raise InvalidMessageError("its key is not its tenant id")
    return message  # type: ignore[no-any-return] # one of the union that the topic carries


def decode_record(value: bytes, record: type[Record]) -> Record:
    """A state record of a known type; what does not decode is our own mistake."""
    decoder = _records.get(record)
    if decoder is None:
        decoder = _records[record] = msgspec.json.Decoder(record)
    return decoder.decode(value)  # type: ignore[return-value] # cached by its type


def envelope_of_output(output: Output) -> Envelope:
    """The CloudEvents attributes of what processors publish."""
    return Envelope(
        id=output.event_id,
        type=type_of(output),
        source="rollcall/processors",
        time=output.recorded_at,
        subject=entity_of(output),
    )


def envelope_of_change(change: Inbound, source: str) -> Envelope:
    """The CloudEvents attributes of what ingest publishes; `source` names the door."""
    return Envelope(
        id=change.change_id,
        type=type_of(change),
        source=source,
        time=change.recorded_at,
        subject=entity_of(change),
    )
