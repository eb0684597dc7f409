"""The tables, and who may do what with them."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

import deploy
from deploy import database
from deploy.errors import InstallationError
from deploy.local.stack import Stack
from schemas import bookkeeping, read_models, scim_models
from schemas.read_models import GATEWAY_ROLE, SINK_ROLE, TENANT_SETTING
from schemas.settings import Settings
from sinks.connection import connect
from tests.harness import new_database

METADATA = scim_models.hold.metadata
assert bookkeeping.installation.metadata is METADATA is read_models.metadata
OF_A_TENANT = sorted(
    name for name, table in METADATA.tables.items() if "tenant_id" in table.columns
)
DASHBOARD_ROLE = "rollcall_dashboard"
ACROSS_TENANTS = {"tenant", "directory_owner", "outcome", "dead_letter", "scim_token"}


@contextmanager
def gateway(url: str, tenant_id: str | None = None) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, options=f"-c role={GATEWAY_ROLE}") as connection:
        if tenant_id is not None:
            connection.execute("SELECT set_config(%s, %s, true)", [TENANT_SETTING, tenant_id])
        yield connection


def login_url(url: str, login: str) -> str:
    """The same database for another login, which Postgres here believes without a password."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}").geturl()


def fill(url: str, *tenants: str) -> None:
    """One row of each tenant in each table."""
    with psycopg.connect(url) as superuser:
        for tenant_id in tenants:
            for name in OF_A_TENANT:
                superuser.execute(*row_for(name, tenant_id))


def row_for(name: str, tenant_id: str) -> tuple[sql.Composed, list[object]]:
    """An INSERT with something in every column."""
    table = read_models.metadata.tables[name]
    kinds = {
        sqlalchemy.Text: tenant_id,
        sqlalchemy.Boolean: True,
        sqlalchemy.DateTime: "2026-01-01T00:00:00Z",
        sqlalchemy.LargeBinary: b"",
    }
    values = [
        "{}" if isinstance(column.type, sqlalchemy.JSON) else kinds.get(type(column.type), 1)
        for column in table.columns
    ]
    return (
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(name),
            sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns),
            sql.SQL(", ").join([sql.Placeholder()] * len(values)),
        ),
        values,
    )


def tenants_in(connection: psycopg.Connection, name: str) -> set[str]:
    query = sql.SQL("SELECT tenant_id FROM {}").format(sql.Identifier(name))
    return {tenant_id for (tenant_id,) in connection.execute(query)}


def test_the_tables_are_those_of_the_read_models(database_url: str) -> None:
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(database_url),
        poolclass=sqlalchemy.NullPool,
    )
    reflected = sqlalchemy.MetaData()
    reflected.reflect(engine)

    def columns(metadata: sqlalchemy.MetaData) -> dict[str, list[tuple[str, str, bool, bool]]]:
        return {
            name: [
                (c.name, c.type.compile(engine.dialect), bool(c.nullable), c.primary_key)
                for c in table.columns
            ]
            for name, table in metadata.tables.items()
            if name != "alembic_version"
        }

    assert columns(reflected) == columns(read_models.metadata)


def test_row_level_security_is_forced_wherever_there_is_a_tenant(database_url: str) -> None:
    query = """
        SELECT relname FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        AND relrowsecurity AND relforcerowsecurity
    """
    with psycopg.connect(database_url) as owner:
        assert sorted(name for (name,) in owner.execute(query)) == OF_A_TENANT


def test_the_roles_own_nothing_and_cannot_log_in(database_url: str) -> None:
    query = """
        SELECT rolcanlogin OR rolsuper OR rolbypassrls,
               (SELECT count(*) FROM pg_shdepend WHERE refobjid = pg_roles.oid AND deptype = 'o')
        FROM pg_roles WHERE rolname IN (%s, %s, %s)
    """
    with psycopg.connect(database_url) as owner:
        rows = owner.execute(query, [GATEWAY_ROLE, SINK_ROLE, DASHBOARD_ROLE]).fetchall()
    assert rows == [(False, 0)] * 3


def test_the_gateway_sees_the_tenant_that_it_names_and_no_other(database_url: str) -> None:
    fill(database_url, "acme", "globex")
    with gateway(database_url) as nobody:
        seen = {name: tenants_in(nobody, name) for name in OF_A_TENANT}
    everything = {"acme", "globex"}
    nothing: set[str] = set()
    assert seen == {n: everything if n in ACROSS_TENANTS else nothing for n in OF_A_TENANT}
    with gateway(database_url, "acme") as acme:
        for name in set(OF_A_TENANT) - ACROSS_TENANTS:
            assert tenants_in(acme, name) == {"acme"}, name


def test_a_transactions_tenant_ends_with_it(database_url: str) -> None:
    fill(database_url, "acme")
    with gateway(database_url, "acme") as connection:
        connection.commit()
        assert tenants_in(connection, "member") == set()


def test_the_gateway_adds_sessions_and_api_keys_of_its_tenant_and_nothing_else(
    database_url: str,
) -> None:
    query = """
        SELECT table_name, privilege_type FROM information_schema.role_table_grants
        WHERE grantee = %s AND privilege_type <> 'SELECT' ORDER BY table_name
    """
    with psycopg.connect(database_url) as owner:
        grants = owner.execute(query, [GATEWAY_ROLE]).fetchall()
    assert set(grants) == {
        ("api_key", "INSERT"),
        ("session", "INSERT"),
        *(("given_up", right) for right in ("INSERT", "UPDATE", "DELETE")),
        *(("scim_token_use", right) for right in ("INSERT", "UPDATE")),
    }
    for name in {name for name, _ in grants}:
        with gateway(database_url, "acme") as acme:
            acme.execute(*row_for(name, "acme"))
            with pytest.raises(InsufficientPrivilege, match="row-level security"):
                acme.execute(*row_for(name, "globex"))


def test_the_sink_writes_for_every_tenant(database_url: str) -> None:
    fill(database_url, "acme", "globex")
    with connect(Settings(database_url=database_url)) as sink:
        assert tenants_in(sink, "member") == {"acme", "globex"}
        sink.execute("UPDATE member SET role = 'admin'")
        assert sink.execute("SHOW synchronous_commit").fetchone() == ("off",)
        with pytest.raises(InsufficientPrivilege):
            sink.execute("INSERT INTO installation VALUES ('other', '', 1, '{}')")


def test_the_dashboard_sees_letters_of_every_tenant_and_nothing_of_a_person(
    database_url: str,
) -> None:
    fill(database_url, "acme", "globex")
    readable = {
        "directory": "tenant_id, directory_id, name, provider",
        "dead_letter": "tenant_id, directory_id, stage, reason, removal, recorded_at, settled",
    }
    query = """
        SELECT table_name, column_name, privilege_type
        FROM information_schema.role_column_grants WHERE grantee = %s
    """
    with psycopg.connect(database_url) as owner:
        grants = owner.execute(query, [DASHBOARD_ROLE]).fetchall()
    assert sorted(grants) == sorted(
        (name, column, "SELECT")
        for name, all_of in readable.items()
        for column in all_of.split(", ")
    )
    with psycopg.connect(database_url, options=f"-c role={DASHBOARD_ROLE}") as dashboard:
        for name in readable:
            assert tenants_in(dashboard, name) == {"acme", "globex"}
        with pytest.raises(InsufficientPrivilege, match="permission denied"):
            dashboard.execute("SELECT value FROM dead_letter")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET sentence = 'nothing happened'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
    ],
)
def test_nobody_changes_the_audit_log(database_url: str, statement: str) -> None:
    fill(database_url, "acme")
    with (
        connect(Settings(database_url=database_url)) as sink,
        pytest.raises(InsufficientPrivilege, match="permission denied"),
    ):
        sink.execute(statement)
    with (
        psycopg.connect(database_url) as owner,
        pytest.raises(InsufficientPrivilege, match="audit_entry only grows"),
    ):
        owner.execute(statement)


def test_databases_of_one_server_can_be_migrated_at_once(stack: Stack) -> None:
    """Roles belong to the server; and two processes may want to migrate one database."""
    root = str(Path(deploy.__file__).parents[1])
    with ExitStack() as ending:
        names = [f"t{secrets.token_hex(5)}" for _ in range(2)]
        urls = [ending.enter_context(new_database(stack, name)) for name in names]
        upgrades = [
            subprocess.Popen(
                [sys.executable, "-m", "deploy.cli.app", "db", "upgrade"],
                env=os.environ | {"ROLLCALL_DATABASE_URL": url, "PYTHONPATH": root},
            )
            for url in [*urls, urls[0]]
        ]
        assert [upgrade.wait(60) for upgrade in upgrades] == [0, 0, 0]


def test_an_owner_without_superpowers_migrates_and_sees_no_tenant(stack: Stack) -> None:
    name, user = f"t{secrets.token_hex(5)}", f"l{secrets.token_hex(5)}"
    login = sql.Identifier(user)
    with new_database(stack, name) as url, psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(sql.SQL("CREATE ROLE {} LOGIN").format(login))
        hand_over = sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), login)
        owners = login_url(url, user)
        try:
            with pytest.raises(InstallationError, match="give it a database that it owns"):
                database.upgrade(Settings(database_url=owners))
            superuser.execute(hand_over)
            with pytest.raises(InstallationError, match="CREATEROLE"):
                database.upgrade(Settings(database_url=owners))
            roles = sql.SQL(", ").join(
                map(sql.Identifier, (GATEWAY_ROLE, SINK_ROLE, DASHBOARD_ROLE))
            )
            grant = sql.SQL("GRANT {} TO {} WITH INHERIT FALSE")
            superuser.execute(grant.format(roles, login))
            database.upgrade(Settings(database_url=owners))
            fill(url, "acme")
            with psycopg.connect(owners) as owner:
                assert tenants_in(owner, "member") == set()
            with connect(Settings(database_url=owners)) as sink:
                assert tenants_in(sink, "member") == {"acme"}
        finally:
            superuser.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(login))
            superuser.execute(sql.SQL("DROP OWNED BY {}").format(login))
            superuser.execute(sql.SQL("DROP ROLE {}").format(login))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "start it, or correct the URL"),
        ("hunter2", "not a URL that libpq takes"),
    ],
)
def test_a_database_that_is_away_is_said_in_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(InstallationError, match=sentence) as refused:
        database.upgrade(Settings(database_url=url))
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)
