"""What others say of our SCIM: two conformance suites and the storage contract."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import ScimProvider
from scim2_server.storage import ScimStorage
from scim2_server.testing import AsyncScimStorageContract, BlockingStorage, ScimStorageContract
from scim2_tester import Status, check_server
from typing_extensions import override

from ingest.scim.resources import provider_for
from tests.harness import World
from tests.scim.idp import Admin, Idp, administering
from tests.scim.within import Parts, parts_of, storage_of


@pytest.fixture(scope="module")
def company(rollcall: World) -> Iterator[Admin]:
    """One tenant for all of them."""
    with administering(rollcall) as admin:
        yield admin


@pytest.fixture
def directory(company: Admin) -> Iterator[Idp]:
    """An empty directory."""
    with company.idp() as idp:
        yield idp


def test_scim2_tester_finds_no_fault(directory: Idp) -> None:
    client = SyncSCIMClient(directory.http)
    client.discover()
    results = check_server(client)
    assert [r for r in results if r.status is not Status.SUCCESS] == []
    assert len(results) > 100


def test_scim_sanity_finds_no_fault(directory: Idp) -> None:
    token = directory.http.headers["Authorization"].removeprefix("Bearer ")
    url = str(directory.http.base_url).rstrip("/")
    program = [sys.executable, "-m", "scim_sanity", "probe", url, "--strict", "--token", token]
    said = subprocess.run(
        [*program, "--i-accept-side-effects"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout
    assert "All tests passed" in said.stdout


class Within(NamedTuple):
    """The parts of a gateway, and the event loop on which they run."""

    runner: asyncio.Runner
    parts: Parts


@pytest.fixture(scope="module")
def within(rollcall: World) -> Iterator[Within]:
    """One for all tests of the contract; each has a directory of its own."""
    with asyncio.Runner() as runner:
        opened = parts_of(rollcall)
        yield Within(runner, runner.run(opened.__aenter__()))
        runner.run(opened.__aexit__(None, None, None))


CURSORS = {name: None for name in dir(ScimStorageContract) if name.startswith("test_cursor")}
"""Of pages by cursor, which we do not announce."""


class TestStorage(AsyncScimStorageContract):
    """The rules that scim2-server relies on, against Postgres and Kafka."""

    locals().update(CURSORS)

    @pytest.fixture(autouse=True)
    def _under_our_policy(self, provider: ScimProvider) -> Iterator[None]:
        """As the server runs: what is not kept is left out instead of refused."""
        with provider:
            yield

    @pytest.fixture
    @override
    def provider(self) -> ScimProvider:
        return provider_for(())

    @pytest.fixture
    @override
    def storage(self, rollcall: World, within: Within, directory: Idp) -> ScimStorage:
        storage = storage_of(rollcall, within.parts, directory)
        return BlockingStorage(within.runner.run(storage), within.runner)
