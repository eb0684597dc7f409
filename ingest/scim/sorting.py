"""The order of the resources of a search (RFC 7644 §3.4.2.3)."""

from typing import Any

from scim2_models import InvalidFilterException, InvalidPathException, Resource, SearchRequest
from sqlalchemy import ColumnElement

from ingest.scim.columns import Columns, Many, find
from ingest.scim.comparison import comparable


def ordered(
    search: SearchRequest[Any], model: type[Resource[Any]], columns: Columns
) -> list[ColumnElement[Any]]:
    """What to order rows by, so that resources come as `SearchRequest.sort` orders them.

    Resources without a value come last, and first if descending; those that are equal, or of which
    `model` lacks the attribute, by their creation and id.

    Raises:
        InvalidPathException: no order is kept of the attribute.
    """
    ties: list[ColumnElement[Any]] = [columns.created_at, columns.id]
    binding = search.sort_binding(model)
    if binding is None:
        return ties
    try:
        value = find(columns, binding)
    except InvalidFilterException as error:
        raise InvalidPathException(path=str(search.sort_by), detail=error.detail) from error
    if isinstance(value, Many):
        if value.leading is None:
            raise InvalidPathException(
                path=str(search.sort_by), detail=f"'{search.sort_by}' cannot be sorted by"
            )
        value = value.leading
    key = comparable(value)
    if value.kind == "text":
        key = key.collate("C")  # by code points
    if search.sort_order == SearchRequest.SortOrder.descending:
        return [key.desc().nulls_first(), *ties]
    return [key.asc().nulls_last(), *ties]
