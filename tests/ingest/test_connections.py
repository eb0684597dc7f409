"""The gateway's connections to Postgres: none is kept busy for long."""

import asyncio
from contextlib import closing

import pytest
from sqlalchemy import text

from ingest import connections, database
from ingest.connections import Connections
from ingest.database import Database
from ingest.refusals import TooSlowError, UnavailableError
from schemas import limits
from schemas.settings import Settings
from tests.harness import World

SLOW = ("SELECT pg_sleep(%(seconds)s)", {"seconds": 30})


def test_what_takes_too_long_ends_and_its_connection_is_used_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READ_SECONDS", 1)
    monkeypatch.setattr(connections, "POOL_SIZE", 1)

    async def ask() -> None:
        pool = Connections(world.settings)
        await pool.open()
        try:
            with pytest.raises(TooSlowError, match="userName"):
                await pool.rows("acme", SLOW)
            ((row,),) = await pool.rows("acme", ("SELECT 1 AS one", {}))
            assert row == {"one": 1}
        finally:
            await pool.close()

    asyncio.run(ask())


def test_of_the_admin_api_too(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_SECONDS", 1)
    monkeypatch.setattr(database, "POOL_SIZE", 1)
    with closing(Database(Settings(database_url=database_url))) as pool:
        with (
            pytest.raises(UnavailableError, match="too slow"),
            pool.across_tenants() as connection,
        ):
            connection.execute(text("SELECT pg_sleep(:seconds)"), SLOW[1])
        with pool.across_tenants() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_one_tenant_leaves_connections_for_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READ_SECONDS", 4)
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 1)

    async def ask() -> None:
        pool = Connections(world.settings)
        await pool.open()
        try:
            slow = [asyncio.create_task(pool.rows("acme", SLOW)) for _ in range(20)]
            await asyncio.sleep(0.5)
            ((row,),) = await pool.rows("other", ("SELECT 1 AS one", {}))
            assert row == {"one": 1}
            ends = await asyncio.gather(*slow, return_exceptions=True)
            assert sum(isinstance(each, TooSlowError) for each in ends) == limits.TENANT_READS
            assert (
                sum(isinstance(each, UnavailableError) for each in ends) == 20 - limits.TENANT_READS
            )
        finally:
            await pool.close()

    asyncio.run(ask())
