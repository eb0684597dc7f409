"""Entra ID, with and without `?aadOptscim062020`: one tenant sends both (idp-facts §4.2).

Capitalised operations, booleans as texts, lists of one, a manager who is a text, names that are
paths: everybody may send these, so they are undone for everybody.
"""

from typing import Any, Final

from pydantic_core import from_json

from ingest.scim.dialects.dialect import Dialect, Json
from ingest.scim.dialects.resources import ENTERPRISE

_OF_ENTERPRISE: Final = frozenset(
    {"employeenumber", "costcenter", "organization", "division", "department", "manager"}
)


def enterprise_names(name: str, value: Any) -> tuple[str, Any]:
    """`manager` without the URN of its extension, as in Microsoft's samples of requests.

    learn.microsoft.com, "Develop a SCIM endpoint": `"path": "manager"`.  The core schema has no
    attribute of these names (RFC 7643 §4.3).
    """
    if name.partition(".")[0].lower() in _OF_ENTERPRISE:
        return f"{ENTERPRISE}:{name}", value
    return name, value


def role_texts(name: str, value: Any) -> tuple[str, Any]:
    """A role whose value is a text with JSON: `id`, `value` and `displayName` of the role.

    learn.microsoft.com, "Customize application attributes": AppRoleAssignmentsComplex.
    """
    if name.lower() != "roles":
        return name, value
    if isinstance(value, list):
        return name, [_role(each) for each in value]
    return name, _role(value)


def _role(entry: Any) -> Any:
    given = entry if isinstance(entry, dict) else {"value": entry}
    text = given.get("value")
    if not isinstance(text, str) or not text.startswith("{"):
        return entry
    try:
        role = from_json(text)
    except ValueError:
        return entry
    value = role.get("value") if isinstance(role, dict) else None
    if not isinstance(value, str) or value.startswith("{"):
        return entry
    made: Json = {**given, "value": value}
    for display in (role.get("displayName"), role.get("display")):
        if isinstance(display, str):
            made.setdefault("display", display)
    return made


DIALECT: Final = Dialect(attributes=(enterprise_names, role_texts))
