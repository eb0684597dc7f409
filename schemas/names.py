"""How names and values are compared, and which values are hidden."""

from typing import Final
from unicodedata import category, normalize

REDACTED: Final = "redacted:"
"""What a value begins with that was replaced by its keyed hash at the door (DESIGN §6)."""


def comparable(name: str) -> str:
    """The form in which names without `caseExact` are compared (RFC 7643 §7, RFC 8265 §3.3).

    Case does not count, nor how a letter with its accent is written: NFC and lower case, as
    scim2-models' `default_comparison_key` does it.
    """
    return normalize("NFC", normalize("NFC", name).lower())


def exact(name: str) -> str:
    """The form in which names with `caseExact` are compared: NFC."""
    return normalize("NFC", name)


def has_ink(name: str) -> bool:
    """Whether a name shows anything: spaces and invisible characters alone name nobody."""
    return any(category(each)[0] not in "CZ" for each in name)


def is_redacted(value: object) -> bool:
    """Whether a value is the hash of what was sent."""
    return isinstance(value, str) and value.startswith(REDACTED)
