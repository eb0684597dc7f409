"""Dead letters: what the topic says about them, and what a partition remembers of those open."""

from typing import Final, Literal

from schemas.events import Event
from schemas.state import SEPARATOR, State, key


class DeadLetter(Event, frozen=True, kw_only=True, tag="dead_letter"):
    """A message that could not be decided, as it stood in Kafka."""

    reason: Literal["undecodable", "undecidable", "waiting", "unknown_directory"]
    """`waiting`: it may not overtake an earlier dead letter of its entity."""
    detail: str
    entity: str
    """What it is about (`schemas.entities`); a message that says nothing is its own entity."""
    removal: bool
    """It takes away: until it is replayed, somebody may have access who should have none."""
    directory_id: str | None
    topic: str
    """Logical name of the topic that it stood on, or would have."""
    partition: int
    offset: int
    """-1 when it never stood on a topic (unknown_directory)."""
    headers: list[tuple[str, bytes]]
    key: bytes | None
    value: bytes | None
    """None also where the message was larger than `limits.LETTER_VALUE`."""
    sha256: str
    """Of the value, in hex."""


class DeadLetterRuled(Event, frozen=True, kw_only=True, tag="dead_letter_ruled"):
    """What became of a dead letter: it was decided, given up, or could again not be decided."""

    letter_id: str
    ruling: Literal["replayed", "dropped", "failed"]
    detail: str = ""
    """Why it could again not be decided."""


DeadLetterEvent = DeadLetter | DeadLetterRuled


class Letter(State, frozen=True, kw_only=True):
    """A dead letter that is neither replayed nor dropped: later changes of its entity wait."""

    letter_id: str


class Budget(State, frozen=True, kw_only=True):
    """Which of the partition's last messages became dead letters (DESIGN §5.5).

    There is none as long as there was no dead letter among the last `limits.BUDGET_WINDOW`.
    """

    seen: int = 0
    """Messages since the record began."""
    letters: tuple[int, ...] = ()
    """The numbers of those that became dead letters, within the window; at most as many as the
    budget has, so the record stays small."""


def letter_key(tenant_id: str, entity: str, place: tuple[int, int], letter_id: str) -> bytes:
    """Where a Letter stands: those of an entity are sorted by their place on the lane.

    A place is an offset, and which change of a page it is.

    Both lanes have the same offsets, so the id is a part of it.
    """
    return key("letter", tenant_id, entity, "{:015d}.{:03d}".format(*place), letter_id)


LETTERS: Final = b"letter" + SEPARATOR
"""What every letter key begins with."""


def budget_key() -> bytes:
    """Where the Budget of the partition stands; a key without a tenant, like positions."""
    return key("budget", "")
