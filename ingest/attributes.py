"""The attributes of people that go on; everything else stays at the door (DESIGN §6)."""

from collections.abc import Mapping
from typing import Final

from schemas import limits
from schemas.origin import Attribute

ALLOWED: Final = {
    "job_title": "title",
    "title": "title",
    "department_name": "department",
    "department": "department",
    "division_name": "division",
    "division": "division",
    "cost_center_name": "cost_center",
    "cost_center": "cost_center",
    "employee_number": "employee_number",
    "employee_type": "employee_type",
    "organization": "organization",
    "manager_email": "manager_email",
    "employment_start_date": "employment_start_date",
}
"""Our name of each attribute, by the sender's.

They are those of the core and enterprise User (RFC 7643 §4.1, §4.3) under WorkOS's names and their
own; where both are sent, WorkOS's stands first and wins.
"""

_NUMBERS = 1 << 53  # beyond it, JSON readers disagree about a number


def allowed(sent: Mapping[str, object]) -> dict[str, Attribute]:
    """What may go on of the attributes that were sent: known names, single values."""
    kept: dict[str, Attribute] = {}
    for theirs, ours in ALLOWED.items():
        value = _single(sent.get(theirs))
        if value is not None:
            kept.setdefault(ours, value)
    return kept


def text(value: str) -> str:
    """A text as it may go on: without NUL, which Postgres cannot hold, and not over-long."""
    return value.replace("\0", "")[: limits.TEXT_LENGTH]


def _single(value: object) -> Attribute | None:
    match value:
        case str():
            return text(value)
        case bool():
            return value
        case int() | float() if abs(value) <= _NUMBERS:
            return value
        case _:
            return None
