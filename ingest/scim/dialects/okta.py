"""Okta: RFC form but for what everybody may send.

It sends back whole resources by PUT, and `password`, `groups` and `locale` with a new person
(idp-facts §4.3); its raw token is read in `ingest.scim.tokens`.
"""

from collections.abc import Iterable
from typing import Final

from ingest.scim.dialects.dialect import Dialect, Json


def own_id(operation: Json) -> Iterable[Json]:
    """A rename says the group's `id` again, with every change of members (idp-facts §4.1).

    `replace {"id": …, "displayName": …}`: nobody can change an id, so it says nothing.
    """
    value = operation.get("value")
    if not operation.get("path") and isinstance(value, dict) and len(value) > 1:
        left = {name: each for name, each in value.items() if name.lower() != "id"}
        return [operation | {"value": left}]
    return [operation]


DIALECT: Final = Dialect(operations=(own_id,))
