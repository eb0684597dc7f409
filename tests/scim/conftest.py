"""One running Rollcall for all SCIM tests; a tenant and a directory of its own for each."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from deploy.local.stack import Stack
from tests.harness import World, new_world
from tests.scim.idp import Admin, Idp


@pytest.fixture(scope="package")
def rollcall(
    stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Gateway, processors and sinks, all of them running."""
    with (
        new_world(stack, template, tmp_path_factory.mktemp("scim")) as world,
        world.process("processors"),
        world.process("sinks"),
        world.process("gateway"),
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


@contextmanager
def administering(rollcall: World) -> Iterator[Admin]:
    """A new tenant."""
    headers = {"Authorization": f"Bearer {rollcall.settings.require_admin_token()}"}
    with httpx2.Client(base_url=rollcall.settings.url, headers=headers, timeout=60) as http:
        admin = Admin(http, f"t{secrets.token_hex(5)}")
        admin.open()
        yield admin


@pytest.fixture
def idp(admin: Admin) -> Iterator[Idp]:
    """An IdP with a token of a SCIM directory."""
    with admin.idp() as idp:
        yield idp
