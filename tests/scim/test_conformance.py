"""What others say of our SCIM: two conformance suites and the storage contract."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import ScimProvider
from scim2_server.storage import ScimStorage
from scim2_server.testing import AsyncScimStorageContract, BlockingStorage
from scim2_tester import Status, check_server
from typing_extensions import override

from ingest.scim.resources import provider_for
from tests.harness import World
from tests.scim.idp import Idp
from tests.scim.within import storage_of


def test_scim2_tester_finds_no_fault(idp: Idp) -> None:
    client = SyncSCIMClient(idp.http)
    client.discover()
    results = check_server(client)
    assert [r for r in results if r.status is not Status.SUCCESS] == []
    assert len(results) > 100


def test_scim_sanity_finds_no_fault(idp: Idp) -> None:
    token = idp.http.headers["Authorization"].removeprefix("Bearer ")
    url = str(idp.http.base_url).rstrip("/")
    program = [sys.executable, "-m", "scim_sanity", "probe", url, "--strict", "--token", token]
    said = subprocess.run(
        [*program, "--i-accept-side-effects"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout
    assert "All tests passed" in said.stdout


class TestStorage(AsyncScimStorageContract):
    """The rules that scim2-server relies on, against Postgres and Kafka."""

    @pytest.fixture
    @override
    def provider(self) -> ScimProvider:
        return provider_for(())

    @pytest.fixture
    @override
    def storage(self, rollcall: World, idp: Idp) -> Iterator[ScimStorage]:
        with asyncio.Runner() as runner:
            opened = storage_of(rollcall, idp)
            storage = runner.run(opened.__aenter__())
            yield BlockingStorage(storage, runner)
            runner.run(opened.__aexit__(None, None, None))
