"""Paths and queries of URLs, of whatever client."""

from typing import Final
from urllib.parse import unquote_plus

from scim2_models import InvalidValueException

from ingest.scim.dialects.filters import decoded
from schemas import limits

_ENDPOINTS: Final = {
    name.lower(): name
    for name in (
        *("Users", "Groups", "Bulk", "Me", "Schemas", "ResourceTypes"),
        "ServiceProviderConfig",
    )
}
_PARAMETERS: Final = {
    name.lower(): name
    for name in (
        *("attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex"),
        *("count", "cursor"),
    )
}


def path_of(path: str) -> str:
    """The path of a URL, its endpoint as RFC 7644 §3.2 writes it: Postman asks for `/users`."""
    endpoint, slash, rest = path.strip("/").partition("/")
    return f"/{_ENDPOINTS.get(endpoint.lower(), endpoint)}{slash}{rest}"


def query_of(query: str) -> dict[str, str]:
    """The parameters of a query, but for those that say nothing.

    OneLogin's end in `&`, and its URLs in `?` (authentik#11249).

    Raises:
        InvalidValueException: it is longer than anybody needs, percent-encoded or not.
    """
    if len(query) > limits.SCIM_QUERY:
        raise InvalidValueException(detail=f"A query takes at most {limits.SCIM_QUERY} characters.")
    parameters = {}
    for part in query.split("&"):
        name, _, raw = part.partition("=")
        name = unquote_plus(name)
        name = _PARAMETERS.get(name.lower(), name)
        value = decoded(raw) if name == "filter" else unquote_plus(raw, errors="replace")
        if name and (value or name not in _PARAMETERS.values()):
            parameters[name] = value
    return parameters
