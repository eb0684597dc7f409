"""Where the read model keeps the attributes of a SCIM resource."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from scim2_models import BaseModel, Extension, InvalidFilterException
from scim2_models.path import AttributeBinding
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Text,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    not_,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from ingest.scim.comparison import Kind, Value, kind_of

_PRIMARY: Final = "$[*] ? (@.primary == true)"


@dataclass(frozen=True)
class Entries:
    """A multi-valued attribute that is rows of a table, such as `members`; without rows, absent."""

    rows: FromClause
    belong: ColumnElement[bool]
    """Which of them are of the resource: joins them to its row by tenant, directory and id."""
    parts: Mapping[str, ColumnElement[str]]
    """The sub-attributes that can be asked for, by their names in the model; `value` is NFC."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table of resources of one type; the caller picks tenant and directory."""

    resource_type: str
    """`meta.resourceType` of all of them."""
    id: ColumnElement[str]
    """In comparison form, which is NFC: ids of our own are ASCII."""
    resource: ColumnElement[Any]
    """JSONB: the SCIM resource without what stands in other columns, an extension under its URN."""
    external_id: ColumnElement[Any]
    """In comparison form, which is NFC; NULL where there is none."""
    revision: ColumnElement[int]
    """`meta.lastModified` in microseconds since 1970 UTC; `meta.version` is `W/"<revision>"`."""
    created_at: ColumnElement[Any]
    """`meta.created`."""
    user_name_key: ColumnElement[str] | None = None
    """`userName` in comparison form, as `default_comparison_key` gives it, if the type has one."""
    entries: Mapping[str, Entries] = field(default_factory=dict)
    """Attributes that are rows of other tables, by their names in the model."""


@dataclass(frozen=True)
class Many:
    """The values of an attribute of which a resource may have several."""

    rows: FromClause
    belong: ColumnElement[bool]
    item: Value
    """The value in each row."""
    missing: ColumnElement[bool]
    """Whether the attribute is absent; an empty list is not."""
    within: Callable[[AttributeBinding], "Value | Many"]
    """Finds a sub-attribute in a row."""
    leading: Value | None
    """The value of the primary entry or else the first, if resources can be sorted by it."""

    def some(self, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        """Whether there is a row for which a condition holds."""
        return exists().select_from(self.rows).where(self.belong, condition)


Place = Value | Many


def find(columns: Columns, binding: AttributeBinding) -> Place:
    """Where an attribute of a resource stands.

    Raises:
        InvalidFilterException: nowhere; the detail says what to ask for instead.
    """
    if "schemas" in (binding.field_name, binding.sub_field_name):
        raise InvalidFilterException(
            detail="'schemas' is not searchable: test an attribute of the schema with 'pr'"
        )
    if issubclass(binding.model, Extension):
        return _in_object(columns.resource[str(binding.model.__schema__)], binding)
    if (entries := columns.entries.get(binding.field_name)) is not None:
        return _in_entries(entries, binding)
    if binding.field_name == "meta":
        return _in_meta(columns, binding)
    column_of = {
        "id": columns.id,
        "external_id": columns.external_id,
        "user_name": columns.user_name_key,
    }
    if (kept := column_of.get(binding.field_name)) is not None:
        return Value(kept, binding, "text", kept=True)
    return _in_object(columns.resource, binding)


def _in_meta(columns: Columns, binding: AttributeBinding) -> Value:
    match binding.sub_field_name:
        case None:
            return Value(columns.id, binding, "whole")  # never null
        case "created":
            return Value(columns.created_at, binding, "instant", kept=True)
        case "last_modified":
            return Value(columns.revision, binding, "microseconds", kept=True)
        case "resource_type":
            return Value(literal(columns.resource_type, Text), binding, "text", kept=True)
        case "version":
            version = func.concat('W/"', columns.revision, '"', type_=Text())
            return Value(version, binding, "text", kept=True)
        case _:
            raise InvalidFilterException(
                detail="'meta.location' is not searchable: it ends in the resource's 'id'"
            )


def _in_entries(entries: Entries, binding: AttributeBinding) -> Many:
    def part(binding: AttributeBinding) -> Value:
        name = binding.target_field_name
        if name not in entries.parts:
            known = ", ".join(f"'{known}'" for known in entries.parts)
            raise InvalidFilterException(
                detail=f"'{binding.urn}' is not searchable: of its attribute only {known} can be"
            )
        return Value(entries.parts[name], binding, "text", kept=name == "value")

    whole = Value(entries.parts["value"], binding, "whole")
    return Many(
        rows=entries.rows,
        belong=entries.belong,
        item=whole if binding.sub_field_name is None else part(binding),
        missing=not_(exists().select_from(entries.rows).where(entries.belong)),
        within=part,
        leading=None,  # rows are in no order
    )


def _in_object(host: ColumnElement[Any], binding: AttributeBinding) -> Place:
    """In a JSON object: the resource, an extension, or an entry of a list."""
    kind = kind_of(binding)
    head = host[_name(binding.model, binding.field_name)]
    if binding.sub_field_name is None:
        return (
            _in_list(head, binding, kind)
            if binding.is_multivalued
            else Value(head.astext, binding, kind)
        )
    assert binding.target_model is not None
    sub = _name(binding.target_model, binding.sub_field_name)
    if binding.is_multivalued:
        return _in_list(head, binding, "node" if binding.target_is_multivalued else kind, sub)
    if binding.target_is_multivalued:
        return replace(_in_list(head[sub], binding, kind), leading=None)
    return Value(head[sub].astext, binding, kind)


def _in_list(
    values: ColumnElement[Any], binding: AttributeBinding, kind: Kind, sub: str | None = None
) -> Many:
    is_list = func.jsonb_typeof(values) == "array"
    elements = func.jsonb_array_elements(case((is_list, values)))
    rows = elements.table_valued(column("value", JSONB))
    entry = rows.c.value

    def value(entry: ColumnElement[Any]) -> Value:
        whole = entry.op("#>>", return_type=Text())(literal_column("'{}'"))
        return Value(whole if sub is None else entry[sub].astext, binding, kind)

    primary = func.jsonb_path_query_first(values, cast(_PRIMARY, JSONPATH))
    return Many(
        rows=rows,
        belong=true(),
        item=value(entry),
        missing=func.coalesce(not_(is_list), true()),
        within=partial(_in_object, entry),
        leading=None if kind == "node" else value(func.coalesce(primary, values[0], type_=JSONB())),
    )


def _name(model: type[BaseModel], field_name: str) -> str:
    name = model.model_fields[field_name].serialization_alias
    assert name is not None, "scim2-models names every field"
    return name
