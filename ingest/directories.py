"""Which tenant owns a directory: asked for every webhook, so remembered for some seconds."""

import time
from collections.abc import Callable

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from ingest.database import Database
from schemas import limits
from schemas.read_models import directory_owner

CACHE_SIZE = 10_000
"""Directories whose owner is remembered at most."""


class DirectoryOwners:
    """Answers from memory where it can; that nobody owns a directory is never remembered."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[float, str]] = {}

    async def owner(self, directory_id: str) -> str | None:
        """The id of the owning tenant, None if there is none.

        Raises:
            UnavailableError: Postgres is away.
        """
        read_at, tenant_id = self._known.get(directory_id, (float("-inf"), None))
        if tenant_id is not None and self._clock() - read_at < limits.DIRECTORY_CACHE_SECONDS:
            return tenant_id
        found = await run_in_threadpool(self._ask, directory_id)
        self._remember(directory_id, found)
        return found

    def _ask(self, directory_id: str) -> str | None:
        owner = directory_owner.c
        query = select(owner.tenant_id).where(owner.directory_id == directory_id)
        with self._database.across_tenants() as connection:
            found: str | None = connection.execute(query).scalar()
        return found

    def _remember(self, directory_id: str, tenant_id: str | None) -> None:
        self._known.pop(directory_id, None)
        if tenant_id is None:
            return
        if len(self._known) >= CACHE_SIZE:
            del self._known[next(iter(self._known))]  # the one that was read longest ago
        self._known[directory_id] = (self._clock(), tenant_id)
