"""Which tenant owns a directory: asked for every webhook, so remembered for some seconds."""

import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from ingest.database import Database
from schemas import limits
from schemas.read_models import directory_owner, tenant

CACHE_SIZE = 10_000
"""Directories whose owner is remembered at most."""


class Owner(NamedTuple):
    """The tenant that owns a directory."""

    tenant_id: str
    kept_as_sent: frozenset[str]
    """Names of attributes whose values are never replaced by a hash."""


class DirectoryOwners:
    """Answers from memory where it can; that nobody owns a directory is never remembered."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[float, Owner]] = {}

    async def owner(self, directory_id: str) -> Owner | None:
        """The owning tenant, None if there is none.

        Raises:
            UnavailableError: Postgres is away.
        """
        read_at, known = self._known.get(directory_id, (float("-inf"), None))
        if known is not None and self._clock() - read_at < limits.DIRECTORY_CACHE_SECONDS:
            return known
        found = await run_in_threadpool(self._ask, directory_id)
        self._remember(directory_id, found)
        return found

    def _ask(self, directory_id: str) -> Owner | None:
        owner = directory_owner.c
        query = (
            select(owner.tenant_id, tenant.c.kept_as_sent)
            .join_from(directory_owner, tenant, tenant.c.tenant_id == owner.tenant_id, isouter=True)
            .where(owner.directory_id == directory_id)
        )
        with self._database.across_tenants() as connection:
            found = connection.execute(query).first()
        return None if found is None else Owner(found[0], frozenset(found[1] or ()))

    def _remember(self, directory_id: str, owner: Owner | None) -> None:
        self._known.pop(directory_id, None)
        if owner is None:
            return
        if len(self._known) >= CACHE_SIZE:
            del self._known[next(iter(self._known))]  # the one that was read longest ago
        self._known[directory_id] = (self._clock(), owner)
