"""CloudEvents 1.0 in Kafka's binary mode: attributes as headers, the body as JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from schemas import limits

Headers = list[tuple[str, bytes]]
ReadHeaders = Mapping[str, str | bytes | None] | Sequence[tuple[str, str | bytes | None]] | None
"""Headers as the clients may hand them over."""


REPLAY: Final = "rollcall_replay"
"""The header of a message that is put on its lane again: the id of its dead letter."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says about itself (CloudEvents 1.0 §3.1, Kafka protocol binding §3.2)."""

    id: str
    """Deterministic; equal ids are the same happening."""
    type: str
    source: str
    """The part of Rollcall that wrote it, as a URI reference."""
    time: datetime
    subject: str
    """What it is about within its tenant (`schemas.entities`), for whoever cannot read the body."""
    traceparent: str | None = None
    """W3C trace context, where the request brought one."""

    def headers(self) -> Headers:
        """The headers for a producer."""
        fields: Headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_type", self.type.encode()),
            ("ce_source", self.source.encode()),
            ("ce_time", self.time.isoformat().encode()),
            ("ce_subject", self.subject.encode()),
            ("content-type", b"application/json"),
        ]
        if self.traceparent is not None:
            fields.append(("traceparent", self.traceparent.encode()))
        return fields


def header(headers: ReadHeaders, name: str) -> str | None:
    """One header as text, at most `limits.TEXT_LENGTH` of it; None if it is missing.

    Without NUL, which Postgres cannot hold.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    for key, value in pairs:
        if key == name:
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            return text and text[: limits.TEXT_LENGTH].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return None
