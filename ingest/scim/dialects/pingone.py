"""PingOne and PingFederate: RFC form, as far as anybody has shown.

PingOne writes by PUT only, cannot clear an attribute, and looks people up by a filter that its
administrator writes (idp-facts §4.1): all of it is within what everybody may send.
"""

from typing import Final

from ingest.scim.dialects.dialect import Dialect

DIALECT: Final = Dialect()
