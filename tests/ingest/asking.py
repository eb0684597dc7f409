"""Requests that wait for an outcome, and who settles them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from ingest.api.changes import SOURCE
from schemas import codec, limits, read_models, topics
from schemas.changes import AnyChange
from schemas.envelope import header
from tests.ingest import rows
from tests.ingest.conftest import WAIT_SECONDS, Door
from tests.waiting import eventually


@contextmanager
def sending(door: Door, method: str, url: str, body: Any) -> Iterator[list[httpx2.Response]]:
    """Send a request that waits; its answer is in the list when the block is left."""
    answers: list[httpx2.Response] = []
    thread = threading.Thread(
        target=lambda: answers.append(door.http.request(method, url, json=body))
    )
    thread.start()
    try:
        yield answers
    finally:
        thread.join(limits.OUTCOME_SECONDS)


def only_change(door: Door) -> AnyChange:
    (message,) = eventually(lambda: door.messages(topics.CHANGES), WAIT_SECONDS)
    assert header(message.headers(), "ce_source") == SOURCE
    return codec.decode_change(message.key(), message.value())


def settle(door: Door, change: AnyChange, *, status: int, notify: bool = True) -> None:
    """Do what directory_view does."""
    outcome = rows.outcome(change.tenant_id, change.change_id, status, {"settled": True})
    statement = f"SELECT pg_notify('{read_models.OUTCOME_CHANNEL}', %(change_id)s)"
    noted = (statement, {"change_id": change.change_id})
    door.write(outcome, *([noted] if notify else []))
