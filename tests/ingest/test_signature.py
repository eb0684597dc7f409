from collections.abc import Sequence

import pytest

from ingest.refusals import UnsignedError
from ingest.workos import signature
from tests.ingest.events import signed

BODY = '{"event":"dsync.user.created","name":"Zoë"}'.encode()
NOW = 1_700_000_000.0
SECRETS = ("old-secret", "new-secret")
GOOD = signed(BODY, "new-secret", at=NOW)
TIME, _, HEX = GOOD.partition(", ")


def verify(headers: Sequence[str], body: bytes = BODY, secrets: Sequence[str] = SECRETS) -> None:
    signature.verify(body, headers, secrets, tolerance_seconds=300, now=NOW)


@pytest.mark.parametrize("secret", SECRETS)
def test_every_active_secret_opens_the_door(secret: str) -> None:
    verify([signed(BODY, secret, at=NOW)])


@pytest.mark.parametrize(
    "header",
    [
        GOOD,
        f"{TIME},{HEX}",
        f"  {TIME} ,\t{HEX}  ",
        f"{TIME}, v1={HEX[3:].upper()}",
        signed(BODY, "old-secret", at=NOW - 300),
        signed(BODY, "old-secret", at=NOW + 300),
    ],
    ids=["documented", "no-space", "spaces", "upper-case", "oldest", "earliest"],
)
def test_a_genuine_signature_verifies(header: str) -> None:
    verify([header])


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [GOOD, GOOD],
        [""],
        ["garbage"],
        [HEX],
        [TIME],
        [f"{HEX}, {TIME}"],
        [f"{GOOD}, {HEX}"],
        [f"t=now, {HEX}"],
        [f"t=-{TIME[2:]}, {HEX}"],
        [f"t={'9' * 400}, {HEX}"],
        [f"t=١٢٣, {HEX}"],
        [f"{TIME}, v1=é{HEX[4:]}"],
        [f"{TIME}, v1="],
        [f"{TIME}, v1={HEX[3:-1]}"],
        [f"{TIME}, v1={'0' * 64}"],
        [GOOD.replace(HEX[-8:], "00000000")],
        [signed(BODY, "another-secret", at=NOW)],
        [signed(BODY, "", at=NOW)],
        [signed(BODY + b" ", "new-secret", at=NOW)],
        [signed(BODY, "new-secret", at=NOW - 300.001)],
        [signed(BODY, "new-secret", at=NOW + 300.001)],
        [signed(BODY, "new-secret", at=NOW / 1000)],
    ],
)
def test_anything_else_is_refused_in_the_same_words(headers: list[str]) -> None:
    with pytest.raises(UnsignedError) as refused:
        verify(headers)
    assert refused.value.detail == UnsignedError("secret").detail


def test_an_empty_secret_never_verifies() -> None:
    for secrets in ((), ("",), ("", "new-secret")):
        with pytest.raises(UnsignedError):
            verify([signed(BODY, "", at=NOW)], secrets=secrets)


def test_the_body_is_signed_as_it_arrived() -> None:
    body = b'{"not": "utf-8: \xff"}'
    verify([signed(body, "new-secret", at=NOW)], body)
