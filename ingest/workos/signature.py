"""WorkOS's webhook signature: an HMAC over a time and the raw body (idp-facts §1.3).

Verified here and not by WorkOS's SDK: that one takes a single secret, so an endpoint's secret could
not be rotated; it raises TypeError on a header that is not ASCII; and it refuses a header without
the space that WorkOS's documents leave out.
"""

import hmac
import re
from collections.abc import Sequence

from ingest.refusals import UnsignedError

HEADER = "WorkOS-Signature"

_FORM = re.compile(r"\s*t\s*=\s*([0-9]{1,16})\s*,\s*v1\s*=\s*([0-9a-fA-F]{64})\s*")


def verify(
    body: bytes,
    headers: Sequence[str],
    secrets: Sequence[str],
    *,
    tolerance_seconds: int,
    now: float,
) -> None:
    """Refuse a body that was not signed with one of the secrets a short while ago.

    Args:
        body: raw, as it arrived.
        headers: every WorkOS-Signature of the request; one is right.
        secrets: the active ones; an empty one verifies nothing.
        tolerance_seconds: how far the signature's time may lie before or after `now`.
        now: seconds since 1970.

    Raises:
        UnsignedError: whichever check failed.
    """
    form = _FORM.fullmatch(headers[0]) if len(headers) == 1 else None
    if form is None:
        raise UnsignedError("header")
    milliseconds, given = form.groups()
    signed = milliseconds.encode() + b"." + body
    # Every secret is tried, so that the time taken does not tell which one fits.
    expected = [_signature(secret, signed) for secret in secrets if secret]
    fits = [hmac.compare_digest(signature, given.lower()) for signature in expected]
    if not any(fits):
        raise UnsignedError("secret")
    if abs(now * 1000 - int(milliseconds)) > tolerance_seconds * 1000:
        raise UnsignedError("time")


def _signature(secret: str, signed: bytes) -> str:
    return hmac.digest(secret.encode(), signed, "sha256").hex()
