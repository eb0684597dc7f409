"""Webhooks a second through the gateway, against a bare endpoint with the same signature check."""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx2

from deploy.local.ports import free_ports
from deploy.simulate import workos
from ingest.workos import signature
from tests.bench import bare_gateway
from tests.bench.figures import Figure
from tests.harness import World
from tests.ingest import rows
from tests.waiting import eventually

CONNECTIONS = 32
ROUNDS = 3
DIRECTORY = "directory_01BENCH"


def measured(world: World, people: int) -> Iterator[Figure]:
    """Both in turn, and the medians."""
    with world.connection() as connection:
        for statement, values in (*rows.company("acme"), *rows.directory("acme", DIRECTORY)):
            connection.execute(statement.encode(), values)
    secret = world.settings.workos_webhook_secrets[0]
    events = workos.first_sync(1, max(people // 20, CONNECTIONS), 20, DIRECTORY, "org_bench")
    with world.process("gateway"), _bare(secret) as bare_port:
        rates = [
            (_rate(world.settings.port, events, secret), _rate(bare_port, events, secret))
            for _ in range(ROUNDS)
        ]
    ours, theirs = (statistics.median(each) for each in zip(*rates, strict=True))
    yield Figure(
        "gateway", ours, "webhooks/s", theirs, "endpoint that only checks the HMAC", "half of it"
    )


@contextmanager
def _bare(secret: str) -> Iterator[int]:
    (port,) = free_ports(1)
    program = [sys.executable, "-m", bare_gateway.__name__, str(port), secret]
    with subprocess.Popen(program) as process:
        try:
            eventually(lambda: _answers(port), 30)
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}").status_code > 0
    except httpx2.TransportError:
        return False


def _rate(port: int, events: Sequence[workos.Event], secret: str) -> float:
    requests = [_request(event, secret) for event in events]
    return len(requests) / asyncio.run(_posted(port, requests))


def _request(event: workos.Event, secret: str) -> bytes:
    body = json.dumps(event).encode()
    head = (
        "POST /api/webhooks/workos HTTP/1.1\r\nHost: bench\r\n"
        f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n"
        f"{signature.HEADER}: {workos.sign(body, secret, datetime.now(UTC))}\r\n\r\n"
    )
    return head.encode() + body


async def _posted(port: int, requests: Sequence[bytes]) -> float:
    """Seconds that it takes to have all answered 200 over some connections that stay open."""
    waiting = iter(requests)

    async def post_some() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(post_some() for _ in range(CONNECTIONS)))
    return time.perf_counter() - begun
