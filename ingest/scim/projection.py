"""Which attributes an answer shows (RFC 7644 §3.9)."""

from typing import Any, Final

from scim2_models import ResponseParameters

RELATED: Final = {"User": "groups", "Group": "members"}
"""The attribute of each resource type that is rows of its own, and is read only if it is shown."""


def wants(parameters: ResponseParameters[Any] | None, attribute: str) -> bool:
    """Whether an answer shows an attribute, or a part of it (RFC 7644 §3.9)."""
    if parameters is None:
        return True
    if parameters.attributes:
        return any(_is_below(str(path), attribute) for path in parameters.attributes)
    excluded = [str(path) for path in parameters.excluded_attributes or []]
    return attribute not in {path.rpartition(":")[2].lower() for path in excluded}


def is_whole(parameters: ResponseParameters[Any] | None) -> bool:
    """Whether a client is to be shown all that there is."""
    return parameters is not None and not (parameters.attributes or parameters.excluded_attributes)


def _is_below(path: str, attribute: str) -> bool:
    return path.rpartition(":")[2].lower().partition(".")[0] == attribute
