"""The searches that an IdP does before nearly every write: one resource by one of its names.

They come twice for each person of a first sync, and making SQL of a filter takes longer than all
the rest of such a search.
"""

from collections.abc import Sequence
from typing import Any, Final

from scim2_models import SearchRequest
from scim2_models.path import AttrPath, CompareOperator, Comparison

from schemas.names import comparable, exact

_USERS: Final = """
    SELECT 'User' AS kind, user_id AS id, resource, revision, created_at FROM directory_user
    WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s AND NOT deleted
    AND {} = %(value)s ORDER BY created_at, user_id
"""
_GROUPS: Final = """
    SELECT 'Group' AS kind, group_id AS id, resource, revision, created_at FROM directory_group
    WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s AND NOT deleted
    AND {} = %(value)s ORDER BY created_at, group_id
"""
_BY_NAME: Final = {
    ("User", "username"): (_USERS.format("user_name_key"), comparable),
    ("User", "externalid"): (_USERS.format("external_id"), exact),
    ("Group", "externalid"): (_GROUPS.format("external_id"), exact),
}


def lookup_of(
    kinds: Sequence[str], search: SearchRequest[Any]
) -> tuple[str, dict[str, str]] | None:
    """The query of a search in one type for one name, on its first page; None for all others."""
    paged = search.start_index not in {None, 1} or search.count == 0
    if search.filter is None or search.sort_by is not None or paged or len(kinds) > 1:
        return None
    match search.filter.ast:
        case Comparison(
            attr_path=AttrPath(uri=None, sub_attr=None) as path,
            op=CompareOperator.eq,
            value=str() as value,
        ) if (found := _BY_NAME.get((kinds[0], path.attr.lower()))) and "\0" not in value:
            query, form = found
            return query, {"value": form(value)}
        case _:
            return None
