"""Operations of a PATCH, of whatever client."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scim2_models import PatchOp

from ingest.scim.dialects.dialect import Dialect, Json
from ingest.scim.dialects.filters import quoted
from ingest.scim.dialects.resources import CORE, attributes, with_base
from ingest.scim.dialects.values import MANY, entries, scalar, shaped

PATCH: Final = str(PatchOp.__schema__)


def patch(body: Any, dialect: Dialect, extensions: Mapping[str, str]) -> Any:
    """The body of a PATCH.

    Args:
        body: as it was sent.
        dialect: of its sender.
        extensions: as `resources.extensions_of` gives them.
    """
    if not isinstance(body, dict):
        return body
    made = {}
    for name, value in body.items():
        if name.lower() == "operations":
            sent = value if isinstance(value, list) else [value]
            made["Operations"] = [
                each for operation in sent for each in _operations(operation, dialect, extensions)
            ]
        elif name.lower() == "schemas":
            made["schemas"] = with_base(value, PATCH)
        else:
            made[name] = value
    return made


def _operations(sent: Any, dialect: Dialect, extensions: Mapping[str, str]) -> Iterator[Any]:
    if not isinstance(sent, dict):
        yield sent
        return
    said = [{name.lower(): value for name, value in sent.items()}]
    for undone in dialect.operations:
        said = [each for operation in said for each in undone(operation)]
    for operation in said:
        path = operation.get("path")
        if isinstance(path, str) and path.strip():
            yield _with_path(operation, path.strip(), dialect, extensions)
        elif path is None or path == "":
            yield from _without_path(operation, dialect, extensions)
        else:
            yield operation


def _with_path(operation: Json, path: str, dialect: Dialect, extensions: Mapping[str, str]) -> Json:
    value = operation.get("value")
    for undone in dialect.attributes:
        path, value = undone(path, value)
    if "[" in path:
        path = quoted(path)
    if is_removal(operation):
        return _removal(operation | {"path": path}, value)
    if "value" not in operation:
        return operation | {"path": path}
    shape = _at(path, value, extensions)
    made = operation | {"path": path, "value": shape}
    if shape is None and value is not None:  # an empty manager: it is taken away
        made["op"] = "replace"
    return made


def _removal(operation: Json, value: Any) -> Json:
    """A removal whose value says no more than its path does, or which members go.

    Entra removes members by a list of them, and a value says it again elsewhere
    (azure-docs#30826, SCIMReferenceCode#87); which entries a list means, the library knows
    (`remove_value_as_filter`).
    """
    name = _attribute(operation["path"])
    if name in MANY and "value" in operation:
        listed = entries(name, value)
        if name == "members" and isinstance(listed, list):
            listed = [_only_who(each) for each in listed]
        return operation | {"value": listed}
    return {each: what for each, what in operation.items() if each != "value"}


def _only_who(member: Any) -> Any:
    """A member without what else is said of them, which need not be as it is here."""
    if isinstance(member, dict) and isinstance(member.get("value"), str):
        return {"value": member["value"]}
    return member


def _at(path: str, value: Any, extensions: Mapping[str, str]) -> Any:
    """The value that is written at a path."""
    low = path.lower()
    if low in extensions or low in CORE:
        whole = scalar(value)
        return attributes(whole, Dialect(), {}) if isinstance(whole, dict) else whole
    _, bracket, part = path.rpartition("]")
    if bracket and not part:  # one entry that a filter selects
        return value[0] if isinstance(value, list) and len(value) == 1 else value
    name = _attribute(path)
    return scalar(value) if bracket or "." in name else shaped(name, value)


def _attribute(path: str) -> str:
    """The attribute that a path without a filter names, in lower case and without its URN."""
    return path.lower() if "[" in path else path.lower().rpartition(":")[2]


def _without_path(
    operation: Json, dialect: Dialect, extensions: Mapping[str, str]
) -> Iterator[Json]:
    """Names with a filter are paths: each is an operation of its own.

    The library reads only names without one as paths.
    """
    value = operation.get("value")
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        yield operation
        return
    plain = {name: each for name, each in value.items() if "[" not in name}
    if plain or not value:
        yield operation | {"value": attributes(plain, dialect, extensions)}
    for name, each in value.items():
        if "[" in name:
            spoken = operation | {"path": name, "value": each}
            yield _with_path(spoken, name, dialect, extensions)


def is_removal(operation: Json) -> bool:
    """Whether an operation is a `remove`, as Entra or others write it."""
    return str(operation.get("op")).lower() == "remove"
