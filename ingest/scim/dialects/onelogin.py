"""OneLogin: PUT with URNs of its own, URLs that end in `?` or `&` (authentik#11249)."""

from typing import Any, Final

from ingest.scim.dialects.dialect import Dialect
from ingest.scim.dialects.resources import ENTERPRISE

CORE: Final = "urn:scim:schemas:core:2.0"
EXTENSION: Final = "urn:scim:schemas:extension:enterprise:2.0"


def enterprise_urn(name: str, value: Any) -> tuple[str, Any]:
    """Its URN of the enterprise extension, as a name and before one."""
    low = name.lower()
    if low == EXTENSION or low.startswith(f"{EXTENSION}:"):
        return ENTERPRISE + name[len(EXTENSION) :], value
    return name, value


def schemas(name: str, value: Any) -> tuple[str, Any]:
    """Its URNs in `schemas`; that of the resource is added by the endpoint it is sent to."""
    if name.lower() != "schemas" or not isinstance(value, list):
        return name, value
    kept = [each for each in value if str(each).lower() != CORE]
    return name, [ENTERPRISE if str(each).lower() == EXTENSION else each for each in kept]


DIALECT: Final = Dialect(attributes=(enterprise_urn, schemas))
