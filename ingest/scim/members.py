"""PATCH operations on a group's members, taken apart into who comes and who goes (DESIGN §5)."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from scim2_models import PatchOp
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    LogicalExpr,
    LogicalOperator,
    ValuePath,
)

from schemas import limits


class MemberDeltas(msgspec.Struct, frozen=True):
    """Ids of members, each in one of the lists at most: what was said last counts."""

    added: list[str]
    removed: list[str]


def deltas_of(patch_op: "PatchOp[Any]") -> tuple["PatchOp[Any] | None", MemberDeltas] | None:
    """What a PATCH says of named members, and the operations on other attributes.

    None where it cannot be said without knowing all members: they are replaced, all removed, or
    selected by something else than their `value`.
    """
    last: dict[str, bool] = {}
    rest = []
    for operation in patch_op.operations or []:
        parts = _parts(operation)
        if parts is None:
            return None
        other, named = parts
        if named is not None:
            for member in named:
                last[member] = operation.op.value == "add"
        if other is not None:
            rest.append(other)
    deltas = MemberDeltas(
        [member for member, added in last.items() if added],
        [member for member, added in last.items() if not added],
    )
    return type(patch_op)(operations=rest) if rest else None, deltas


def names_active(patch_op: "PatchOp[Any]") -> bool:
    """Whether a PATCH of a user says itself whether the person is active."""
    for operation in patch_op.operations or []:
        if operation.path is not None:
            if str(operation.path).rpartition(":")[2].lower() == "active":
                return True
        elif isinstance(operation.value, dict) and any(map(_is_active, operation.value.items())):
            return True
    return False


def _is_active(item: tuple[str, Any]) -> bool:
    """Whether it is `active`, by itself or below the URN of the User (RFC 7644 §3.10)."""
    name, value = item
    if isinstance(value, dict) and name.lower().startswith("urn:"):
        return any(map(_is_active, value.items()))
    return name.rpartition(":")[2].lower() == "active"


def _parts(operation: Any) -> tuple[Any | None, list[str] | None] | None:
    """What is left of an operation without members, and the members that it names.

    None where all members must be known.
    """
    op = operation.op.value
    if operation.path is None:
        return _without_path(operation, op)
    head = operation.path.ast.attr_path if isinstance(operation.path.ast, ValuePath) else None
    path = head or operation.path.ast
    if not isinstance(path, AttrPath) or path.attr.lower() != "members":
        return operation, None
    if op == "remove":
        return _removed(operation, head is not None)
    if op == "add" and head is None and path.sub_attr is None:
        named = _values(operation.value)
        return None if named is None else (None, named)
    return None


def _without_path(operation: Any, op: str) -> tuple[Any | None, list[str] | None] | None:
    value = operation.value
    if not isinstance(value, Mapping):
        return operation, None
    mine = [name for name in value if name.rpartition(":")[2].lower() == "members"]
    if not mine:
        return operation, None
    if op != "add" or len(mine) > 1:
        return None
    named = _values(value[mine[0]])
    if named is None:
        return None
    left = {name: each for name, each in value.items() if name not in mine}
    return (operation.model_copy(update={"value": left}) if left else None), named


def _removed(operation: Any, selected: bool) -> tuple[Any | None, list[str] | None] | None:
    if selected:
        if operation.path.ast.sub_attr is not None or operation.value is not None:
            return None
        named = list(_compared(operation.path.ast.val_filter))
        return None if None in named else (None, [each for each in named if each is not None])
    if operation.value is None:
        return None
    named_values = _values(operation.value)
    return None if named_values is None else (None, named_values)


def _values(value: object) -> list[str] | None:
    """The ids in a list of members; None if it is no such list."""
    entries = value if isinstance(value, list) else [value]
    found = []
    for entry in entries:
        if isinstance(entry, Mapping):
            given = {name.lower(): each for name, each in entry.items()}
            entry = given.get("value")  # noqa: PLW2901 # what counts of it
        if not isinstance(entry, str):
            return None
        found.append(entry)
    return found


def _compared(node: object) -> Iterator[str | None]:
    """The ids in `value eq "…"`, joined by `or`; None for anything else."""
    match node:
        case Comparison(attr_path=AttrPath(sub_attr=None) as path, op=CompareOperator.eq):
            named = path.attr.lower() == "value" and isinstance(node.value, str)
            yield str(node.value) if named else None
        case LogicalExpr(op=LogicalOperator.or_):
            for term in node.terms:
                yield from _compared(term)
        case _:
            yield None


def batched(ids: list[str]) -> list[tuple[str, ...]]:
    """As many members as one change may hold, in their order; nobody has an id that is longer."""
    most = limits.PAGE_CHANGES
    ids = [each for each in ids if len(each) <= limits.SCIM_NAME and "\0" not in each]
    return [tuple(ids[start : start + most]) for start in range(0, len(ids), most)]
