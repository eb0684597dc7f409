"""Requests that were answered 503, or whose gateway ended, and whose changes may still land.

While there is one of a directory, nothing that is asked of it is a no-op: what is written again is
newer than whatever comes late.
"""

import hashlib
import uuid
from typing import Final

import msgspec

from ingest.connections import Connections
from ingest.refusals import UnavailableError
from ingest.scim.tokens import Bearer
from schemas.scim import Document

_NOTE: Final = """
    INSERT INTO given_up (tenant_id, directory_id, resource_id, request_hash, given_up_at)
    VALUES (%(tenant_id)s, %(directory_id)s, %(resource_id)s, %(hash)s, now())
    ON CONFLICT (tenant_id, directory_id, resource_id) DO UPDATE SET given_up_at = now()
"""
_FORGET_OLD: Final = "DELETE FROM given_up WHERE given_up_at < now() - interval '24 hours'"
_ADOPT: Final = """
    DELETE FROM given_up WHERE (tenant_id, directory_id, resource_id) IN (
        SELECT tenant_id, directory_id, resource_id FROM given_up
        WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s
        AND request_hash = %(hash)s AND given_up_at > now() - interval '24 hours'
        LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING resource_id
"""
_MOST_UNWRITTEN: Final = 10_000  # one for each request of ten seconds at most

Row = dict[str, str]


class GivenUp:
    """Kept in Postgres for all gateways; in memory only for as long as Postgres is away."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._unwritten: list[Row] = []

    async def note(self, bearer: Bearer, resource_id: str, body: Document | None) -> None:
        """Remember that something of a resource may still land; `body` is of its creation."""
        self._unwritten.append(_row(bearer, resource_id, body))
        del self._unwritten[:-_MOST_UNWRITTEN]
        try:
            await self.write()
        except UnavailableError:
            return  # `is_unwritten` says so until it is written

    async def write(self) -> None:
        """Write down what could not be written before.

        Raises:
            UnavailableError: Postgres is still away.
        """
        while self._unwritten:
            row = self._unwritten[-1]
            await self._connections.rows(row["tenant_id"], (_NOTE, row), (_FORGET_OLD, {}))
            if row in self._unwritten:
                self._unwritten.remove(row)

    def is_unwritten(self, bearer: Bearer) -> bool:
        """Whether something of a directory is not written down yet."""
        where = (bearer.tenant_id, bearer.directory_id)
        return any((row["tenant_id"], row["directory_id"]) == where for row in self._unwritten)

    async def adopted_id(self, bearer: Bearer, body: Document) -> str | None:
        """The id that the same creation got before, if its answer was given up; once.

        Raises:
            UnavailableError: Postgres is away.
        """
        await self.write()
        asked = (_ADOPT, _row(bearer, "", body))
        (found,) = await self._connections.rows(bearer.tenant_id, asked)
        return found[0]["resource_id"] if found else None


def _row(bearer: Bearer, resource_id: str, body: Document | None) -> Row:
    return {
        "tenant_id": bearer.tenant_id,
        "directory_id": bearer.directory_id,
        "resource_id": resource_id,
        "hash": str(uuid.uuid4()) if body is None else _hash(body),
    }


def _hash(body: Document) -> str:
    """Of the normalised body: the order of attributes does not count."""
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()
