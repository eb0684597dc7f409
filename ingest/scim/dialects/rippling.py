"""Rippling: RFC form, as far as anybody has shown (idp-facts §4.1)."""

from typing import Final

from ingest.scim.dialects.dialect import Dialect

DIALECT: Final = Dialect()
