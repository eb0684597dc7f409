"""JumpCloud: Entra-like groups, members as a list without a filter (idp-facts §4.1)."""

from collections.abc import Iterable
from typing import Final

from ingest.scim.dialects.dialect import Dialect, Json
from ingest.scim.dialects.operations import is_removal


def removal_by_value(operation: Json) -> Iterable[Json]:
    """A `remove` without a path names in its value what it removes.

    `{"op": "remove", "value": {"members": [{"value": …}]}}`.  RFC 7644 §3.5.2.2 asks for a path,
    so of others it is refused.  A name whose value is empty says nothing of what goes: as a path it
    would mean all there is, so it is passed over, and where nothing else is named the operation
    stays as it was sent.
    """
    value = operation.get("value")
    if operation.get("path") or not is_removal(operation) or not isinstance(value, dict):
        return [operation]
    named = {name: each for name, each in value.items() if each not in (None, [], {}, "")}
    return [operation | {"path": name, "value": each} for name, each in named.items()] or [
        operation
    ]


DIALECT: Final = Dialect(operations=(removal_by_value,))
