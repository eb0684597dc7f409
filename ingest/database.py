"""The gateway's connections to Postgres, each transaction bound to the tenant that it names.

They are used from threads: SQLAlchemy's asyncio would need greenlet, and the webhooks, which are
many, ask Postgres only when their directory is not cached.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, exc, func, select

from ingest.refusals import NotFoundError, UnavailableError
from schemas import limits, read_models
from schemas.events import OPERATOR_TENANT
from schemas.settings import Settings

CONNECT_SECONDS = 5
"""How long a connection may take to be made."""
POOL_SIZE = 10
"""Connections of one gateway, besides the one that listens for outcomes."""
_AWAY: Final = "The database is away or too slow: send the request again."


def connection_arguments(settings: Settings) -> dict[str, Any]:
    """What psycopg connects with: the operator's URL, and the role that owns nothing.

    A dead peer is noticed within seconds, so that nobody waits for it.
    """
    given = conninfo_to_dict(settings.require_database())
    options = f"{given.get('options', '')} -c role={read_models.GATEWAY_ROLE} -c timezone=UTC"
    return given | {
        "options": options.strip(),
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,  # milliseconds
    }


def require_directory(connection: Connection, tenant_id: str, directory_id: str) -> None:
    """Refuse a directory that the tenant does not have.

    Raises:
        NotFoundError: there is no such directory.
    """
    directory = read_models.directory.c
    known = select(directory.directory_id).where(
        directory.tenant_id == tenant_id, directory.directory_id == directory_id
    )
    if connection.execute(known).first() is None:
        raise NotFoundError("There is no such directory: list those of the tenant.")


class Database:
    """A small pool; its row-level security sees one tenant a transaction."""

    def __init__(self, settings: Settings) -> None:
        arguments = connection_arguments(settings)
        arguments["options"] += f" -c statement_timeout={limits.READ_SECONDS}s"
        self._engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(**arguments),
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=True,  # the server may have been restarted since
            hide_parameters=True,  # errors are logged, people's names are not
        )

    @contextmanager
    def tenant(self, tenant_id: str) -> Iterator[Connection]:
        """A transaction that sees the rows of one tenant and no other.

        Raises:
            NotFoundError: there is no such tenant.
            UnavailableError: Postgres is away, or a query takes longer than `limits.READ_SECONDS`.
        """
        with self.across_tenants() as connection:
            scope = func.set_config(read_models.TENANT_SETTING, tenant_id, True)
            connection.execute(select(scope))
            tenant = read_models.tenant.c
            known = select(tenant.tenant_id).where(tenant.tenant_id == tenant_id)
            exists = tenant_id == OPERATOR_TENANT or connection.execute(known).first() is not None
            if not exists:
                raise NotFoundError("There is no such tenant: create it first, or check its id.")
            yield connection

    @contextmanager
    def across_tenants(self) -> Iterator[Connection]:
        """A transaction without a tenant: it sees tenants and the owners of directories only.

        Raises:
            UnavailableError: Postgres is away, or a query takes longer than `limits.READ_SECONDS`.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            raise UnavailableError(_AWAY) from error

    def require_tenant(self, tenant_id: str) -> None:
        """Refuse a tenant that is not there.

        Raises:
            NotFoundError: there is no such tenant.
            UnavailableError: Postgres is away.
        """
        with self.tenant(tenant_id):
            pass

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
