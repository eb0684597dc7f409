"""How much a request may ask for, checked before the library reads it.

Its models and paths take time that grows with what is sent, and all tenants share one event loop.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scim2_models import (
    InvalidFilterException,
    InvalidPathException,
    InvalidValueException,
    NotFoundException,
)
from scim2_server.requests import ScimRequest

from ingest.scim.errors import TooLargeError
from schemas import limits

_CONDITIONS: Final = ("If-Match", "If-None-Match")


def require_bounded(request: ScimRequest, body: Any) -> None:
    """Refuse what would take longer to read than anybody needs.

    Args:
        request: as it came.
        body: the JSON in it; None without any.

    Raises:
        InvalidFilterException: the filter is too long.
        InvalidPathException: the path of a PATCH operation is too long.
        InvalidValueException: a header or parameter is too long.
        NotFoundException: no resource has such a URL.
        TooLargeError: too many operations, paths, members, or values of one attribute.
    """
    if not request.path.isprintable():
        raise NotFoundException(detail="No id contains what this URL contains: look it up again.")
    _require_short_query(request.query)
    for name in _CONDITIONS:
        if len(request.header(name) or "") > limits.SCIM_FILTER:
            raise InvalidValueException(
                detail=f"{name} takes at most {limits.SCIM_FILTER} characters."
            )
    if request.path.rstrip("/").lower().endswith("/.search"):
        if len(request.body) > limits.SCIM_SEARCH_BODY:
            raise TooLargeError(detail=f"A search takes at most {limits.SCIM_SEARCH_BODY} bytes.")
        _require_short_query({key: each for key, each in _items(body) if isinstance(each, str)})
        _require_few(body)
    else:
        require_bounded_body(request.path, body)


def require_bounded_body(path: str, body: Any) -> None:
    """The same of a body alone, but for that of a search.

    Raises:
        InvalidPathException: the path of a PATCH operation is too long.
        TooLargeError: too many operations, paths, members, or values of one attribute.
    """
    _require_bounded_body(path, body, _Spent())


class _Spent:
    """What a request takes that is dear to read; the operations of a bulk request share it."""

    def __init__(self) -> None:
        self._paths = 0
        self._characters = 0
        self._members = 0

    def add_path(self, path: str) -> None:
        """One more path is to be read, or a name that stands for one."""
        self._paths += 1
        self._characters += len(path)
        if self._paths > limits.SCIM_PATHS or self._characters > limits.SCIM_PATHS_LENGTH:
            raise TooLargeError(
                detail=f"Send at most {limits.SCIM_PATHS} paths of {limits.SCIM_PATHS_LENGTH}"
                " characters together in one request: send several requests."
            )

    def add_names(self, value: Any) -> None:
        """The names in a value without a path are paths, below a URN too (RFC 7644 §3.5.2.1)."""
        for name, each in _items(value):
            self.add_path(name)
            self.add_names(each)

    def add_members(self, value: Any) -> None:
        """The members of a group, in its own body or in operations, are to be read."""
        for name, each in _items(value):
            entries = each if isinstance(each, list) else [each]
            if name.lower() == "operations":
                for operation in entries:
                    self.add_members(operation)
            elif isinstance(each, dict):
                self.add_members(each)
            elif name.lower().rpartition(":")[2] in {"members", "value"}:
                self._members += len(entries)
        if self._members > limits.SCIM_MEMBERS:
            raise TooLargeError(
                detail=f"Send at most {limits.SCIM_MEMBERS} members at once: PATCH the others."
            )


def _require_bounded_body(path: str, body: Any, spent: _Spent) -> None:
    endpoint = path.strip("/").partition("/")[0].lower()
    if endpoint == "bulk":
        for operation in _named(body, "operations"):
            place = next(iter(_named(operation, "path")), "")
            for data in _named(operation, "data"):
                _require_bounded_body(str(place), data, spent)
        return
    if endpoint != "groups":
        _require_few(body)
    elif sum(1 for _ in _named(body, "operations")) > limits.GROUP_OPERATIONS:
        raise TooLargeError(
            detail=f"Send at most {limits.GROUP_OPERATIONS} operations on a group at once."
        )
    _require_few_names(body)
    spent.add_members(body)
    for operation in _named(body, "operations"):
        _require_bounded_paths(operation, spent)


def _require_bounded_paths(operation: Any, spent: _Spent) -> None:
    for path in _named(operation, "path"):
        if len(str(path)) > limits.SCIM_FILTER:
            raise InvalidPathException(
                detail=f"A path takes at most {limits.SCIM_FILTER} characters."
            )
        spent.add_path(str(path))
    for key, value in _items(operation):
        if key.lower() == "value":
            spent.add_names(value)


def _require_few(value: Any, most: int = limits.SCIM_ENTRIES) -> None:
    """No list of more than some entries, anywhere."""
    if isinstance(value, list):
        if len(value) > most:
            raise TooLargeError(
                detail=f"Send at most {most} operations, or values of one attribute."
            )
        for each in value:
            _require_few(each)
    for name, each in _items(value):
        _require_few(
            each, limits.SCIM_SENT_BACK if name.lower() == "groups" else limits.SCIM_ENTRIES
        )


def _require_few_names(value: Any) -> None:
    """No object of a resource has more names than attributes can be."""
    for _, each in _items(value):
        _require_few_names(each)
    if isinstance(value, dict) and len(value) > limits.SCIM_PATHS:
        raise TooLargeError(detail=f"Send at most {limits.SCIM_PATHS} attributes of one resource.")


def _require_short_query(query: Mapping[str, str]) -> None:
    for name, value in query.items():
        if len(value) > limits.SCIM_FILTER:
            detail = f"{name[:20]} takes at most {limits.SCIM_FILTER} characters."
            if name.lower() == "filter":
                raise InvalidFilterException(detail=detail)
            raise InvalidValueException(detail=detail)


def _named(value: Any, name: str) -> Iterator[Any]:
    """What a JSON object has under a name in any case (RFC 7643 §2.1), the entries of lists."""
    for key, each in _items(value):
        if key.lower() == name:
            yield from each if isinstance(each, list) else [each]


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    return iter(value.items() if isinstance(value, dict) else ())
