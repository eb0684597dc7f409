"""Any other client, Google among them: all that no other IdP contradicts."""

from typing import Final

from ingest.scim.dialects import entra, jumpcloud, okta, onelogin
from ingest.scim.dialects.dialect import Dialect

_OTHERS: Final = (okta.DIALECT, entra.DIALECT, onelogin.DIALECT, jumpcloud.DIALECT)

DIALECT: Final = Dialect(
    attributes=tuple(each for other in _OTHERS for each in other.attributes),
    operations=tuple(each for other in _OTHERS for each in other.operations),
)
