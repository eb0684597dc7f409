"""SCIM filters (RFC 7644 §3.4.2.2) as conditions on the rows of the read model."""

from collections.abc import Callable
from inspect import isclass
from typing import Any

from scim2_models import BaseModel, Resource, ScimFilter
from scim2_models.path import (
    AttributeBinding,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
    coerce_value,
)
from sqlalchemy import ColumnElement, and_, false, not_, or_
from typing_extensions import override

from ingest.scim.columns import Columns, Many, Place, find
from ingest.scim.comparison import Value, compared, present


def matching(
    scim_filter: ScimFilter[Any], model: type[Resource[Any]], columns: Columns
) -> ColumnElement[bool]:
    """The condition that a row's resource satisfies a filter, as `ScimFilter.match` says.

    It is true or false and never NULL, and holds the filter's values as bound parameters. It says
    nothing of tenant and directory; the statement that it goes into must name the table.

    Args:
        scim_filter: may be bound to several models; an attribute that `model` lacks matches nothing
            (RFC 7644 §3.4.2.1).
        model: of the resources in the rows.
        columns: where they stand.

    Raises:
        InvalidFilterException: it asks for an attribute that is kept nowhere, or compares one with
            what its type does not allow.
    """
    return _Conditions(model, scim_filter.ast, lambda binding: find(columns, binding)).condition


class _Conditions(FilterVisitor[ColumnElement[bool]]):
    """Conditions on the attributes of a model: of a resource, or of an entry of a list."""

    def __init__(
        self,
        model: type[BaseModel],
        node: FilterNode,
        find_attribute: Callable[[AttributeBinding], Place],
    ) -> None:
        self._filter: ScimFilter[Any] = ScimFilter.__class_getitem__(model)(node)
        self._find = find_attribute

    @property
    def condition(self) -> ColumnElement[bool]:
        return self.visit(self._filter.ast)

    @override
    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        binding = self._filter.resolve_comparison(node.attr_path, strict=False)
        if binding is None:
            return false()
        return _compared(self._find(binding), node.op, coerce_value(binding, node.value, node.op))

    @override
    def visit_present(self, node: Present) -> ColumnElement[bool]:
        binding = self._filter.resolve(node.attr_path, strict=False)
        if binding is None:
            return false()
        place = self._find(binding)
        return place.some(present(place.item)) if isinstance(place, Many) else present(place)

    @override
    def visit_value_path(self, node: ValuePath) -> ColumnElement[bool]:
        binding = self._filter.resolve(node.attr_path, strict=False)
        if binding is None:
            return false()
        place = self._find(binding)
        assert isinstance(place, Many), "ScimFilter refuses to select from a single value"
        entry = binding.field_type
        if isclass(entry) and issubclass(entry, BaseModel):
            return place.some(_Conditions(entry, node.val_filter, place.within).condition)
        return place.some(_ValueConditions(place.item).visit(node.val_filter))

    @override
    def visit_not(self, node: Not) -> ColumnElement[bool]:
        return not_(self.visit(node.expr))

    @override
    def visit_logical_expr(self, node: LogicalExpr) -> ColumnElement[bool]:
        joined = and_ if node.op == LogicalOperator.and_ else or_
        return joined(*(self.visit(term) for term in node.terms))


class _ValueConditions(_Conditions):
    """Conditions on an entry that is a plain value, which `value` stands for."""

    def __init__(self, value: Value) -> None:
        self._value = value

    @override
    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        if not _is_value(node.attr_path):
            return false()
        return _compared(self._value, node.op, node.value)

    @override
    def visit_present(self, node: Present) -> ColumnElement[bool]:
        return present(self._value) if _is_value(node.attr_path) else false()


def _is_value(path: AttrPath) -> bool:
    return path.attr.lower() == "value" and path.sub_attr is None


def _compared(place: Place, op: CompareOperator, expected: object) -> ColumnElement[bool]:
    """A comparison holds if it does for some value, but for `ne`: no value may be equal.

    The RFC leaves that of `ne` open; scim2-models reads it so.
    """
    if op == CompareOperator.ne:
        return not_(_compared(place, CompareOperator.eq, expected))
    if isinstance(place, Value):
        return compared(place, op, expected)
    some = place.some(compared(place.item, op, expected))
    if op == CompareOperator.eq and expected is None:
        return or_(place.missing, some)
    return some
