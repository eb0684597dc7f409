"""Tokens of SCIM directories: how they are made, and whose one is (DESIGN §6).

`rc_scim_<id>_<secret>_<crc>`: the id finds the row, the checksum tells a typing error before
anybody is asked, and a scanner for leaked secrets knows the form.
"""

import hashlib
import hmac
import re
import secrets
import string
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from ingest.connections import Connections
from ingest.refusals import TokenRefusedError
from schemas import limits
from schemas.origin import Provider
from schemas.policy import OwnAttribute

_LETTERS: Final = string.ascii_letters + string.digits
_ID_LENGTH: Final = 12
_SECRET_LENGTH: Final = 43  # 256 bits
_CRC_LENGTH: Final = 8
_FORM: Final = re.compile(
    rf"rc_scim_(?P<id>[A-Za-z0-9]{{{_ID_LENGTH}}})_[A-Za-z0-9]{{{_SECRET_LENGTH}}}"
    rf"_(?P<crc>[0-9a-f]{{{_CRC_LENGTH}}})"
)
# Okta's header authentication sends the token without a scheme (idp-facts §1.8).
_HEADER: Final = re.compile(r"(?:[Bb]earer )?(?P<token>[A-Za-z0-9_]{1,200})")
_NOBODY: Final = "0" * 64  # what the hash of an unknown token is compared with
_USE_SECONDS: Final = 60.0
_REMEMBERED: Final = 10_000
_WHOSE: Final = """
    SELECT tenant_id, directory_id, sha256, expires_at, revoked_at
    FROM scim_token WHERE token_id = %(token_id)s
"""
_WHAT: Final = """
    SELECT directory.provider, directory.ended_at, tenant.own_attributes, tenant.kept_as_sent
    FROM directory JOIN tenant USING (tenant_id)
    WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s
"""
_USED: Final = """
    INSERT INTO scim_token_use (tenant_id, token_id, last_used_at)
    VALUES (%(tenant_id)s, %(token_id)s, now())
    ON CONFLICT (tenant_id, token_id) DO UPDATE SET last_used_at = excluded.last_used_at
"""


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a token stands for: one directory of one tenant, and what that tenant decided."""

    tenant_id: str
    directory_id: str
    token_id: str
    provider: Provider
    own_attributes: tuple[OwnAttribute, ...]
    kept_as_sent: frozenset[str]
    expires_at: datetime | None


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was just made; it is shown once."""

    token_id: str
    token: str
    sha256: str


def new_token() -> NewToken:
    """Make a token out of 256 random bits."""
    token_id = "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
    secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))
    body = f"rc_scim_{token_id}_{secret}"
    token = f"{body}_{_checksum(body)}"
    return NewToken(token_id=token_id, token=token, sha256=_sha256(token))


class Tokens:
    """Answers from memory for some seconds; that a token is refused is never remembered."""

    def __init__(
        self, connections: Connections, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._known: dict[str, tuple[float, Bearer]] = {}
        self._used: dict[str, float] = {}

    async def bearer(self, authorization: Sequence[str]) -> Bearer:
        """Whom the Authorization headers of a request stand for.

        Raises:
            TokenRefusedError: there is not exactly one, or it is no token that can be used.
            UnavailableError: Postgres is away.
        """
        token = _token_of(authorization)
        digest = _sha256(token)
        read_at, bearer = self._known.get(digest, (float("-inf"), None))
        if bearer is None or self._clock() - read_at >= limits.TOKEN_CACHE_SECONDS:
            bearer = await self._ask(token, digest)
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[digest] = (self._clock(), bearer)
        if bearer.expires_at is not None and bearer.expires_at <= datetime.now(UTC):
            raise TokenRefusedError(f"This token expired on {bearer.expires_at:%Y-%m-%d}.")
        await self._note_use(bearer)
        return bearer

    async def _ask(self, token: str, digest: str) -> Bearer:
        matched = _FORM.fullmatch(token)
        assert matched is not None, "its form was checked"
        rows = await self._connections.across_tenants(_WHOSE, {"token_id": matched["id"]})
        found = rows[0] if rows else None
        # An unknown id takes the same way as a wrong secret.
        if not hmac.compare_digest(found["sha256"] if found else _NOBODY, digest):
            raise TokenRefusedError("No directory has this token: make a new one.")
        assert found is not None, "nobody's hash is all zeros"
        if found["revoked_at"] is not None:
            raise TokenRefusedError(f"This token was revoked on {found['revoked_at']:%Y-%m-%d}.")
        where = {"tenant_id": found["tenant_id"], "directory_id": found["directory_id"]}
        (details,) = await self._connections.rows(found["tenant_id"], (_WHAT, where))
        if not details:
            raise TokenRefusedError("The directory of this token is not there.")
        return _bearer(matched["id"], found, details[0])

    async def _note_use(self, bearer: Bearer) -> None:
        """Write down to the minute when a token was last used."""
        now = self._clock()
        if now - self._used.get(bearer.token_id, float("-inf")) < _USE_SECONDS:
            return
        if len(self._used) >= _REMEMBERED:
            del self._used[next(iter(self._used))]
        self._used[bearer.token_id] = now
        who = {"tenant_id": bearer.tenant_id, "token_id": bearer.token_id}
        await self._connections.rows(bearer.tenant_id, (_USED, who))


def _bearer(token_id: str, found: dict[str, Any], details: dict[str, Any]) -> Bearer:
    if (ended_at := details["ended_at"]) is not None:
        raise TokenRefusedError(
            f"The directory of this token was disconnected on {ended_at:%Y-%m-%d}."
        )
    return Bearer(
        tenant_id=found["tenant_id"],
        directory_id=found["directory_id"],
        token_id=token_id,
        provider=details["provider"],
        own_attributes=msgspec.convert(details["own_attributes"], tuple[OwnAttribute, ...]),
        kept_as_sent=frozenset(details["kept_as_sent"]),
        expires_at=found["expires_at"],
    )


def _token_of(authorization: Sequence[str]) -> str:
    if len(authorization) == 1 and (header := _HEADER.fullmatch(authorization[0])):
        token = header["token"]
        matched = _FORM.fullmatch(token)
        if matched and matched["crc"] == _checksum(token.rpartition("_")[0]):
            return token
    raise TokenRefusedError(
        "Send one header `Authorization: Bearer <token>` with a token of this directory."
    )


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
