"""The simulator against a server that is not ours: it must flatter nobody (idp-facts §3.5)."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy.local.ports import free_ports
from deploy.simulate.providers import SCIM, Target
from deploy.simulate.report import Report
from deploy.simulate.run import Plan, carry_out
from tests.simulate.test_providers import unwatched

SERVER = """
from socketserver import TCPServer
from scim2_server.testserver.cli import main
TCPServer.request_queue_size = 128
main()
"""
"""With room for all that knock at once: whom the kernel turns away knocks again after a second."""
STUMBLES = {
    "entra": {
        ("PATCH of a user", "invalidValue"): "valid dictionary or instance of Manager",
        ("PATCH of a user", "noTarget"): "phone_numbers",
        ("POST of a group", "invalidSyntax"): "ADSCIM",
    },
    "onelogin": {("POST of a user", "invalidSyntax"): "must contain the base schema"},
    "jumpcloud": {("PATCH of a group", "invalidValue"): "carries no value"},
}
"""What the RFCs do not allow these, and what scim2-server says to that."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a `scim2-server`, which has a tenant for whatever comes next in the path."""
    port = free_ports(1)[0]
    words = ("--port", str(port), "--bearer-token", "t", "--dynamic-tenants")
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Serving SCIM")
        yield f"http://127.0.0.1:{port}"
        process.kill()


@pytest.mark.parametrize("provider", SCIM)
def test_a_server_that_keeps_to_the_rfcs_serves_who_keeps_to_them(
    server: str, provider: str
) -> None:
    report = Report()
    plan = Plan(provider=provider, seed=1, people=8, groups=3, lives=True)
    target = Target(url=f"{server}/{provider.replace(':', '-')}/v2", secret="t")
    asyncio.run(carry_out(plan, target, report, unwatched))
    refused = {
        (each.request, each.what.rpartition(", ")[2]): each.example
        for each in report.surprises
        if each.what.startswith("is answered")
    }
    stumbles = STUMBLES.get(provider, {})
    assert refused.keys() == stumbles.keys()
    for where, said in stumbles.items():
        assert said in refused[where]
    assert bool(report.surprises) == bool(stumbles)
    assert any(each.request == "reading of all groups" for each in report.surprises) == (
        provider in {"entra", "jumpcloud"}
    )
