"""One broker and one Postgres a run; a world of its own for each test that asks for one.

One running Rollcall for all tests of the SCIM door, with a tenant and a directory for each.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy import database
from deploy.local.stack import Stack, running
from schemas import settings
from schemas.settings import Settings
from tests.harness import World, new_database, new_world
from tests.scim.idp import Admin, Idp, administering

TEMPLATE = "rollcall_template"
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
"""A broker of a test does not live long enough for Java's second compiler to pay."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Kafka and Postgres: those of ROLLCALL_KAFKA and ROLLCALL_DATABASE_URL, or local ones."""
    given = settings.load()
    with running(
        kafka=given.kafka,
        database=given.database_url,
        folder=tmp_path_factory.mktemp("stack"),
        on_progress=lambda _: None,
    ) as parts:
        if parts.database_kind == "postgres":
            _forget_on_a_power_cut(parts.database)
        yield parts


def _forget_on_a_power_cut(database_url: str) -> None:
    """Wait for no disk: a test kills processes, and never the machine."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("ALTER SYSTEM SET fsync = off")
        owner.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def template(stack: Stack) -> Iterator[str]:
    """The name of a migrated database, to be copied."""
    with new_database(stack, TEMPLATE) as url:
        database.upgrade(Settings(database_url=url))
        yield TEMPLATE


@pytest.fixture
def database_url(stack: Stack, template: str) -> Iterator[str]:
    """A migrated database, for what needs neither topics nor processes."""
    with new_database(stack, f"t{secrets.token_hex(5)}", template=template) as url:
        yield url


@pytest.fixture
def world(stack: Stack, template: str, tmp_path: Path) -> Iterator[World]:
    """Names, a database and topics that no other test has."""
    with new_world(stack, template, tmp_path) as own:
        yield own


@pytest.fixture(scope="session")
def rollcall(
    stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Gateway, processors and sinks, all of them running: one for all tests of the SCIM door."""
    with (
        new_world(stack, template, tmp_path_factory.mktemp("scim")) as world,
        world.processes("processors", "sinks", "gateway"),
    ):
        yield world


@pytest.fixture
def admin(rollcall: World) -> Iterator[Admin]:
    """The product's administrator, and a tenant that no other test has."""
    with administering(rollcall) as admin:
        yield admin


@pytest.fixture
def another(rollcall: World) -> Iterator[Admin]:
    """The same, for a second tenant."""
    with administering(rollcall) as admin:
        yield admin


@pytest.fixture
def idp(admin: Admin) -> Iterator[Idp]:
    """An IdP with a token of a SCIM directory."""
    with admin.idp() as idp:
        yield idp


@pytest.fixture(autouse=True)
def _real_broker(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("kafka") is None:
        return
    parts: Stack = request.getfixturevalue("stack")
    if parts.kafka_kind == "in-memory":
        pytest.skip("the in-memory broker cannot do what this test needs (DESIGN §7)")
