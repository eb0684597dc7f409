"""A request's body as the RFCs have it: the one place where the dialect of its sender is undone.

Each function takes time in proportion to what it reads.
"""

from collections.abc import Mapping
from typing import Any, Final

from ingest.scim.dialects import (
    entra,
    generic,
    jumpcloud,
    okta,
    onelogin,
    pingone,
    rippling,
)
from ingest.scim.dialects.dialect import Dialect, Json
from ingest.scim.dialects.filters import quoted
from ingest.scim.dialects.operations import patch
from ingest.scim.dialects.resources import GROUP, USER, extensions_of, resource
from ingest.scim.dialects.urls import path_of
from schemas.origin import Provider
from schemas.policy import OwnAttribute

_DIALECTS: Final[dict[Provider, Dialect]] = {
    "okta": okta.DIALECT,
    "entra": entra.DIALECT,
    "onelogin": onelogin.DIALECT,
    "jumpcloud": jumpcloud.DIALECT,
    "pingone": pingone.DIALECT,
    "rippling": rippling.DIALECT,
    "google": generic.DIALECT,
    "generic": generic.DIALECT,
}
_URNS: Final = {"Users": USER, "Groups": GROUP}


class Translation:
    """What one directory sends, in RFC form."""

    def __init__(self, provider: Provider, own_attributes: tuple[OwnAttribute, ...]) -> None:
        """For a directory.

        Args:
            provider: the IdP behind it.
            own_attributes: those that its tenant keeps beside SCIM's.
        """
        self._dialect = _DIALECTS[provider]
        self._extensions = extensions_of(own_attributes)

    def query(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """The parameters of a URL."""
        return {
            name: quoted(value) if name == "filter" else value for name, value in parameters.items()
        }

    def body(self, method: str, path: str, body: Any) -> Any:
        """A body.

        Args:
            method: of the request, or of an operation of a bulk request.
            path: below the base URL, with its endpoint as `path_of` writes it.
            body: the JSON that was sent.
        """
        endpoint, _, rest = path.strip("/").partition("/")
        if ".search" in (endpoint, rest):
            return self._search(body)
        if method == "PATCH":
            return patch(body, self._dialect, self._extensions)
        if endpoint in _URNS:
            return resource(body, self._dialect, self._extensions, _URNS[endpoint])
        if endpoint == "Bulk" and isinstance(body, dict):
            return {name: self._bulk(name, each) for name, each in body.items()}
        return body

    def _search(self, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {
            name: quoted(value) if name.lower() == "filter" and isinstance(value, str) else value
            for name, value in body.items()
        }

    def _bulk(self, name: str, value: Any) -> Any:
        if name.lower() != "operations" or not isinstance(value, list):
            return value
        return [self._one_of_bulk(each) if isinstance(each, dict) else each for each in value]

    def _one_of_bulk(self, operation: Json) -> Json:
        said = {name.lower(): value for name, value in operation.items()}
        method, path = str(said.get("method")).upper(), path_of(str(said.get("path")))
        if path == "/Bulk":
            return operation
        return {
            name: self.body(method, path, value) if name.lower() == "data" else value
            for name, value in operation.items()
        }
