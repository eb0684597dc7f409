"""How Postgres compares the values of attributes: as scim2-models does in memory.

`ScimFilter.match` and `default_comparison_key` say what holds; a test compares them with this.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from inspect import isclass
from typing import Any, Final, Literal

from pydantic import EmailStr
from scim2_models import BaseModel, Extension, InvalidFilterException, default_comparison_key
from scim2_models.path import STRING_OPERATORS, AttributeBinding, CompareOperator
from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    ColumnElement,
    LargeBinary,
    Numeric,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

Kind = Literal["text", "number", "flag", "instant", "microseconds", "bytes", "node", "whole"]
"""What a value is compared as.

`microseconds` counts them since 1970 UTC; a `node` is JSON below which values may be; a `whole` is
not null, and nothing more can be asked of it.
"""

_ORDER: Final[Mapping[CompareOperator, Callable[[Any, Any], ColumnElement[bool]]]] = {
    CompareOperator.eq: operator.eq,
    CompareOperator.gt: operator.gt,
    CompareOperator.ge: operator.ge,
    CompareOperator.lt: operator.lt,
    CompareOperator.le: operator.le,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_OFFSET: Final = "([Zz]|[+-][0-9]{2}:?[0-9]{2})$"
_SOMETHING: Final = (
    'strict $.** ? (@.type() == "boolean" || @.type() == "number"'
    ' || @.type() == "string" && @ != "")'
)


@dataclass(frozen=True)
class Value:
    """A single value of an attribute."""

    raw: ColumnElement[Any]
    """NULL where there is none; a text unless it is kept otherwise."""
    binding: AttributeBinding
    kind: Kind
    kept: bool = False
    """Whether a column keeps it in the form in which it is compared, so that an index helps."""


def kind_of(binding: AttributeBinding) -> Kind:
    """What the values of an attribute are compared as.

    Raises:
        InvalidFilterException: its type is none of RFC 7643 §2.3.
    """
    declared = binding.target_type
    kinds: list[tuple[tuple[type, ...], Kind]] = [
        ((bool,), "flag"),  # before int, of which it is a kind
        ((int, float), "number"),
        ((str, EmailStr), "text"),
        ((datetime,), "instant"),
        ((bytes,), "bytes"),
        ((Extension,), "whole"),
        ((BaseModel,), "node"),
    ]
    for types, kind in kinds:
        if isclass(declared) and issubclass(declared, types):
            return kind
    raise InvalidFilterException(detail=f"'{binding.urn}' has no type that can be compared")


def comparable(value: Value) -> ColumnElement[Any]:
    """The form that is compared and sorted by."""
    raw = form = value.raw
    match value.kind:
        case _ if value.kept:
            pass
        case "text":
            form = _folded(raw, case_exact=value.binding.case_exact)
        case "number":
            form = cast(raw, Numeric)
        case "flag":
            form = case((raw == "true", 1), (raw == "false", 0))
        case "instant":
            form = cast(raw, TIMESTAMP(timezone=True))
        case "bytes":
            form = func.decode(raw, "base64", type_=LargeBinary())
        case "microseconds" | "node" | "whole":
            pass
    return form


def present(value: Value) -> ColumnElement[bool]:
    """Whether `pr` holds: neither null nor empty (RFC 7644 §3.4.2.2)."""
    match value.kind:
        case "text" | "bytes":
            return and_(value.raw.is_not(None), value.raw != "")
        case "node":
            path = cast(_SOMETHING, JSONPATH)
            return func.coalesce(func.jsonb_path_exists(cast(value.raw, JSONB), path), false())
        case _:
            return value.raw.is_not(None)


def compared(value: Value, op: CompareOperator, expected: object) -> ColumnElement[bool]:
    """Whether a comparison holds: true or false, and never NULL, which `not` would not turn."""
    assert op != CompareOperator.ne, "`ne` is the negation of `eq` over all values"
    if expected is None:
        return value.raw.is_(None) if op == CompareOperator.eq else false()
    return and_(value.raw.is_not(None), _holds(value, op, expected))


def _holds(value: Value, op: CompareOperator, expected: object) -> ColumnElement[bool]:
    """Values of different types never compare, as in Python, but for booleans as numbers."""
    if value.kind == "text" and isinstance(expected, str):
        return _text_holds(value, op, default_comparison_key(value.binding, expected))
    if op in STRING_OPERATORS:
        return false()
    if value.kind == "instant" and isinstance(expected, datetime) and not value.kept:
        return _instant_holds(value, op, expected)
    operand = _operand(value.kind, expected)
    return false() if operand is None else _ORDER[op](comparable(value), operand)


def _operand(kind: Kind, expected: object) -> ColumnElement[Any] | None:
    """What a value is compared with; None if it cannot be."""
    match kind, expected:
        case (("number" | "flag"), float()):
            # The shortest digits of floats are in the order of floats, and JSON has the same.
            return literal(Decimal(repr(expected)), Numeric)
        case (("number" | "flag"), int()):
            return literal(Decimal(expected), Numeric)
        case "microseconds", datetime() if expected.utcoffset() is not None:
            return literal((expected - _EPOCH) // timedelta(microseconds=1), BigInteger)
        case "instant", datetime() if expected.utcoffset() is not None:
            return literal(expected, TIMESTAMP(timezone=True))
        case "bytes", bytes():
            return literal(expected, LargeBinary)
        case _:
            return None


def _text_holds(value: Value, op: CompareOperator, key: str) -> ColumnElement[bool]:
    """Compare by code points; nothing is a pattern."""
    text = comparable(value)
    unstorable = _UNSTORABLE.search(key)
    if op in _ORDER and op != CompareOperator.eq:
        # No text of Postgres has such a character: where one would stand, what sorts after it
        # begins with the next that can be stored.
        if unstorable is not None:
            key = key[: unstorable.start()] + ("\1" if unstorable[0] == "\0" else "\ue000")
            after = op in (CompareOperator.gt, CompareOperator.ge)
            op = CompareOperator.ge if after else CompareOperator.lt
        return _ORDER[op](text.collate("C"), key)
    if unstorable is not None:
        return false()
    match op:
        case CompareOperator.co:
            return func.strpos(text, key) > 0
        case CompareOperator.sw:
            return func.starts_with(text, key)
        case CompareOperator.ew:
            return func.right(text, len(key)) == key
        case _:
            return text == key


def _instant_holds(value: Value, op: CompareOperator, expected: datetime) -> ColumnElement[bool]:
    """An instant with an offset and one without never compare, as in Python."""
    zoned = expected.utcoffset() is not None
    has_offset = value.raw.regexp_match(_OFFSET)
    same = has_offset if zoned else not_(has_offset)
    form = TIMESTAMP(timezone=zoned)
    holds = _ORDER[op](case((same, cast(value.raw, form))), literal(expected, form))
    return func.coalesce(holds, false())


def _folded(text: ColumnElement[str], *, case_exact: bool) -> ColumnElement[str]:
    """What `default_comparison_key` makes of a text: NFC, and lower case unless case is exact."""
    plain = func.octet_length(text) == func.char_length(text)  # ASCII, and eight times as fast
    composed: ColumnElement[str] = func.normalize(text, type_=Text())
    if case_exact:
        return case((plain, text), else_=composed)
    # Without anything before it, PostgreSQL 18 takes a sigma that follows accents only for a final
    # one; Python and Unicode do not.
    lowered = func.lower((literal("0", Text) + composed).collate("pg_unicode_fast"))
    recomposed = func.normalize(func.substr(lowered, 2), type_=Text())
    return case((plain, func.lower(text.collate("pg_unicode_fast"))), else_=recomposed)
