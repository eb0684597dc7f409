"""Connections of the SCIM door, shared by the requests of one event loop.

Each reading is one transaction that sees the rows of one tenant, sent to Postgres in one go.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ingest.database import CONNECT_SECONDS, POOL_SIZE, connection_arguments
from ingest.refusals import TooSlowError, UnavailableError
from schemas import limits
from schemas.read_models import TENANT_SETTING
from schemas.settings import Settings

Arguments = Mapping[str, Any]
Answer = TypeVar("Answer")

_BIND: Final = f"SELECT set_config('{TENANT_SETTING}', %s, true)"


class Connections:
    """A pool whose every transaction names its tenant; none sees the rows of another."""

    def __init__(self, settings: Settings) -> None:
        arguments = connection_arguments(settings)
        arguments["options"] += f" -c statement_timeout={limits.READ_SECONDS}s"
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(limits.TENANT_READS)
        )
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            kwargs=arguments | {"autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=POOL_SIZE,
            timeout=CONNECT_SECONDS,
            open=False,
        )

    async def open(self) -> None:
        """Begin to connect, without waiting for Postgres."""
        await self._pool.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def rows(
        self, tenant_id: str, *queries: tuple[str | LiteralString, Arguments]
    ) -> Sequence[list[DictRow]]:
        """The rows of each query, all of them as one transaction of a tenant.

        Raises:
            TooSlowError: they take too long.
            UnavailableError: Postgres is away, or the tenant asks too much of it.
        """

        async def ask(connection: AsyncConnection[DictRow]) -> list[list[DictRow]]:
            async with connection.pipeline():
                await connection.execute("BEGIN")
                await connection.execute(_BIND, (tenant_id,))
                cursors = [
                    await connection.execute(query.encode(), arguments)
                    for query, arguments in queries
                ]
                await connection.execute("COMMIT")
            return [await each.fetchall() if each.description else [] for each in cursors]

        turn = self._turns[tenant_id]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await turn.acquire()
        except TimeoutError:
            raise UnavailableError("Too much is asked just now: send it again.") from None
        try:
            return await self._with_connection(ask)
        finally:
            turn.release()

    async def across_tenants(self, query: LiteralString, arguments: Arguments) -> list[DictRow]:
        """The rows of a query that names no tenant: whose a token is.

        Raises:
            UnavailableError: Postgres is away.
        """

        async def ask(connection: AsyncConnection[DictRow]) -> list[DictRow]:
            return await (await connection.execute(query, arguments)).fetchall()

        return await self._with_connection(ask)

    async def _with_connection(
        self, ask: Callable[[AsyncConnection[DictRow]], Awaitable[Answer]]
    ) -> Answer:
        try:
            try:
                async with self._pool.connection() as connection:
                    return await ask(connection)
            except (PoolTimeout, QueryCanceled):
                raise
            except psycopg.OperationalError:  # the server may have been restarted since
                await self._pool.check()
                async with self._pool.connection() as connection:
                    return await ask(connection)
        except QueryCanceled:
            raise TooSlowError from None
        except psycopg.OperationalError as error:
            raise UnavailableError("The database is away: send the request again.") from error
