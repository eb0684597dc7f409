"""Posts webhooks as WorkOS does: signed, many at once, and again where it is asked to."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import httpx2

from deploy.cli.errors import CommandError
from deploy.simulate.workos import Event, sign

PATH: Final = "/api/webhooks/workos"
AT_ONCE: Final = 32
"""How many webhooks are under way at a time."""

_TRIES: Final = 10


def post_all(events: Sequence[Event], url: str, secret: str, on_posted: Callable[[], None]) -> None:
    """Post events in their order, 32 at once; `on_posted` is called for each that was taken.

    Raises:
        CommandError: the gateway refused one, or did not take it in ten tries.
    """
    asyncio.run(_post_all(events, url, secret, on_posted))


def request(event: Event, secret: str) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a webhook that is sent now."""
    body = json.dumps(event).encode()
    signature = sign(body, secret, datetime.now(UTC))
    return body, {"WorkOS-Signature": signature, "Content-Type": "application/json"}


async def _post_all(
    events: Sequence[Event], url: str, secret: str, on_posted: Callable[[], None]
) -> None:
    waiting = iter(events)

    async def worker(client: httpx2.AsyncClient) -> None:
        for event in waiting:  # shared by all workers: each event is taken once
            await _post(client, event, secret)
            on_posted()

    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
        await asyncio.gather(*(worker(client) for _ in range(AT_ONCE)))


async def _post(client: httpx2.AsyncClient, event: Event, secret: str) -> None:
    for _ in range(_TRIES):
        body, headers = request(event, secret)
        answer = await client.post(PATH, content=body, headers=headers)
        if answer.status_code == 200:
            return
        if answer.status_code != 503:
            raise CommandError(f"{event['event']} was answered {answer.status_code}: {answer.text}")
        await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))
    raise CommandError(f"{event['event']} was not taken in {_TRIES} tries.")
