"""Deterministic ids.

The same cause always gives the same id, so a repeat is recognisable anywhere.
"""

import hashlib
import uuid
from datetime import datetime
from typing import Final

NAMESPACE: Final = uuid.UUID("6f1d2a0e-6a55-5b8e-9d53-0c1b7b0f7a11")
"""Root of Rollcall's uuid5 ids; changing it changes every id that is derived from now on."""


_VERSION_AND_VARIANT: Final = ~(0xF << 76 | 0b11 << 62) & ((1 << 128) - 1)
_FIVE: Final = 5 << 76 | 0b10 << 62


def of_cause(*parts: str) -> str:
    """The uuid5 of what caused something, for instance (change id, kind, member id).

    Written out (RFC 9562 §5.5), since several are made of every change and `uuid.uuid5` takes four
    times as long.
    """
    digest = hashlib.sha1(NAMESPACE.bytes + "\0".join(parts).encode(), usedforsecurity=False)
    number = int.from_bytes(digest.digest()[:16], "big") & _VERSION_AND_VARIANT | _FIVE
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def ordered(at: datetime, *parts: str) -> str:
    """A UUIDv7 (RFC 9562 §5.7) of a time, its random bits taken from a hash of the parts.

    Ids of our own records sort by the time that they came up, and yet deciding twice gives the
    same id.
    """
    digest = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:10], "big")
    milliseconds = int(at.timestamp() * 1000) & ((1 << 48) - 1)
    high, low = (digest >> 62) & 0xFFF, digest & ((1 << 62) - 1)
    return str(
        uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)
    )
