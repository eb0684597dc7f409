"""The Postgres of an installation: the owner's connection, and the tables that migrations make.

The login of ROLLCALL_DATABASE_URL owns everything here. Ingest and the sinks use the same login but
take roles that own nothing as soon as they connect; what they may do is in `deploy.migrations`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import sqlalchemy

from deploy.errors import InstallationError
from schemas.settings import Settings

CONNECT_SECONDS: Final = 10
"""How long Postgres may take to accept a connection of the command line."""

OLDEST_POSTGRES: Final = 16
"""The first version in which a login can hold a role without inheriting its rights."""

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_ONE_AT_A_TIME: Final = 6_021_707  # any number, the same in every Rollcall


@contextmanager
def connected(settings: Settings) -> Iterator[psycopg.Connection]:
    """The owner's connection: one transaction, committed at the end.

    Raises:
        InstallationError: Postgres does not accept the connection.
        SettingsError: ROLLCALL_DATABASE_URL is not set.
    """
    with _connect(settings) as connection:
        yield connection


def upgrade(settings: Settings) -> None:
    """Bring tables, roles and policies to this version; what is there already stays.

    Several processes may do this at once: the others wait, and then find nothing to do.

    Raises:
        InstallationError: Postgres is away or too old, or the login may not create tables or roles.
        SettingsError: ROLLCALL_DATABASE_URL is not set.
    """
    # Every process imports this module as it starts, and only `rollcall db` needs Alembic.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",  # the creator knows the address: every form that libpq takes
        creator=lambda: _connect(settings),
        poolclass=sqlalchemy.NullPool,
    )
    try:
        with engine.begin() as connection:
            _require_version(connection)
            lock = sqlalchemy.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)
            connection.execute(sqlalchemy.select(lock))
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
            command.upgrade(config, "head")
    except (psycopg.errors.InsufficientPrivilege, sqlalchemy.exc.ProgrammingError) as error:
        refused = getattr(error, "orig", error)  # Alembic's own statements come wrapped
        if not isinstance(refused, psycopg.errors.InsufficientPrivilege):
            raise
        raise InstallationError(
            "The login of ROLLCALL_DATABASE_URL cannot make Rollcall's tables"
            f" ({refused.diag.message_primary}): give it a database that it owns, and CREATEROLE"
            " unless rollcall_gateway, rollcall_sink and rollcall_dashboard exist and were granted"
            " to it."
        ) from error


def _require_version(connection: sqlalchemy.Connection) -> None:
    row = connection.execute(sqlalchemy.text("SHOW server_version_num")).one()
    version = int(row[0]) // 10_000
    if version < OLDEST_POSTGRES:
        raise InstallationError(
            f"Rollcall needs PostgreSQL {OLDEST_POSTGRES} or newer, and this is {version}:"
            " upgrade it."
        )


def _connect(settings: Settings) -> psycopg.Connection:
    url = settings.require_database()
    try:
        return psycopg.connect(url, connect_timeout=CONNECT_SECONDS)
    except psycopg.ProgrammingError:  # its text would repeat the URL, and with it the password
        raise InstallationError(
            "ROLLCALL_DATABASE_URL is not a URL that libpq takes: give it the form"
            " postgresql://login:password@host:port/database."
        ) from None
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise InstallationError(
            f"Postgres does not accept the connection of ROLLCALL_DATABASE_URL ({reason}):"
            " start it, or correct the URL."
        ) from error
