"""What tests say to servers over HTTP, they say in the clear."""

import ssl
from typing import Final

CLEAR: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of HTTP: each that is not given one reads all authorities that the machine trusts,
and that takes longer than most requests."""
