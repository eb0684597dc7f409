"""State records behind the SCIM door: who has which name, and the clock of each directory."""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from schemas.origin import Stamp
from schemas.state import State, key

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)

NameKind = Literal["userName", "externalId", "displayName", "group externalId"]
"""What is unique within a directory (access-rules §2)."""


class Clock(State, frozen=True, kw_only=True):
    """The newest moment at which something of a SCIM directory was decided; it only grows."""

    at: datetime


class Named(State, frozen=True, kw_only=True):
    """Who has a unique name, or had it last: what was built on less refuses a late creation."""

    owner: str
    """Id of the user or group."""
    stamp: Stamp
    """Of when it was taken or given up."""
    free: bool = False


class Warned(State, frozen=True, kw_only=True):
    """Something of a directory that its administrators were told of once."""

    count: int = 0
    """In the one record without a kind: how much there is."""


def revision_of(moment: datetime) -> int:
    """The moment of a stamp as a number: microseconds since 1970."""
    return (moment - _EPOCH) // _TICK


def moment_of(revision: int) -> datetime:
    """The moment that a revision stands for."""
    return _EPOCH + revision * _TICK


def clock_key(tenant_id: str, directory_id: str) -> bytes:
    """Where a Clock stands."""
    return key("clock", tenant_id, directory_id)


def named_key(tenant_id: str, directory_id: str, kind: NameKind, name: str) -> bytes:
    """Where a Named stands; `name` is in the form in which names are compared."""
    return key("named", tenant_id, directory_id, kind, name)


def warned_key(tenant_id: str, directory_id: str, kind: str, what: str) -> bytes:
    """Where a Warned stands."""
    return key("warned", tenant_id, directory_id, kind, what)
