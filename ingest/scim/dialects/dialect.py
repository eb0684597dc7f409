"""What one IdP sends that would be ambiguous, or unheard of, of any other."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

Json = dict[str, Any]
"""A JSON object."""
Attribute = Callable[[str, Any], tuple[str, Any]]
"""An attribute's name, or the path of a PATCH operation, and its value: the same in RFC form."""
Operation = Callable[[Json], Iterable[Json]]
"""A PATCH operation, its members in lower case: those in RFC form that it stands for."""


class Dialect(msgspec.Struct, frozen=True):
    """The deviations of one IdP; they are undone in this order, and before those of everybody."""

    attributes: tuple[Attribute, ...] = ()
    operations: tuple[Operation, ...] = ()
