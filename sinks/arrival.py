"""A message as it came, before anybody knows what it says."""

from collections.abc import Sequence

import msgspec

from schemas import codec, ids, limits
from schemas.codec import Output
from schemas.state import Position


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a topic that a sink reads."""

    topic: str
    """Logical name."""
    partition: int
    position: Position
    came_at: float
    """When the broker got it, in seconds since 1970."""
    headers: Sequence[tuple[str, bytes | None]]
    key: bytes | None
    value: bytes | None

    @property
    def tenant_id(self) -> str:
        """What the key says, as Postgres takes it; a foreign key may name no tenant."""
        return as_text((self.key or b"").decode("utf-8", "replace"))[: limits.ID_LENGTH]

    def letter_id(self, sink: str) -> str:
        """The id of the dead letter that a sink makes of it."""
        place = (self.position.topic_id, str(self.partition), str(self.position.offset))
        return ids.of_cause("dead-letter", sink, *place)

    def decoded(self) -> Output:
        """What it says.

        Raises:
            InvalidMessageError: it is no message of its topic.
        """
        return codec.decode_output(self.topic, self.key, self.value)


def as_text(foreign: str) -> str:
    """Without NUL, which Postgres cannot hold."""
    return foreign.replace("\0", "\N{REPLACEMENT CHARACTER}")
