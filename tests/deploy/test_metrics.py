"""What happened can be read on /metrics of the process that did it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import httpx2
import pytest

from deploy.simulate import workos
from schemas.topics import LANES
from tests.bench import load
from tests.bench.telling import told
from tests.harness import PARTITIONS, Process, World
from tests.waiting import eventually

SECONDS = 60.0
PEOPLE = 3
LATER = datetime(2030, 1, 1, tzinfo=UTC)


class Running(NamedTuple):
    """The three processes, after some people came, one left, and somebody knocked unsigned."""

    gateway: Process
    worker: Process
    sinks: Process


@pytest.fixture
def running(world: World) -> Iterator[Running]:
    company = load.companies()[0]
    events = workos.first_sync(3, PEOPLE, 1, company.directory_id, "org_metrics")
    created = {
        event["data"]["id"]: event for event in events if event["event"] == "dsync.user.created"
    }
    with (
        load.opened(world, [company]) as worker,
        world.processes("sinks", "gateway") as others,
        httpx2.Client(base_url=world.settings.url, timeout=SECONDS) as http,
    ):
        for event in created.values():
            assert post(world, http, event) == 200
        members = "SELECT member_id FROM member WHERE standing = 'active'"
        eventually(lambda: len(world.rows(members)) == PEOPLE, SECONDS)
        assert post(world, http, workos.deactivation(next(iter(created.values())), LATER)) == 200
        assert http.post("/api/webhooks/workos", content=b"{}").status_code == 401
        assert http.get("/nothing/here").status_code == 404
        token = {"Authorization": f"Bearer {world.settings.require_admin_token()}"}
        listed = http.get(f"/api/tenants/{company.tenant_id}/members", headers=token)
        assert listed.status_code == 200
        eventually(lambda: len(world.rows(members)) == PEOPLE - 1, SECONDS)
        yield Running(others["gateway"], worker, others["sinks"])


def post(world: World, http: httpx2.Client, event: workos.Event) -> int:
    body = json.dumps(event).encode()
    secret = world.settings.workos_webhook_secrets[0]
    headers = {"WorkOS-Signature": workos.sign(body, secret, datetime.now(UTC))}
    return http.post("/api/webhooks/workos", content=body, headers=headers).status_code


@pytest.mark.kafka
def test_what_happens_is_measured(running: Running) -> None:
    _at_the_door(running.gateway.health)
    _in_the_worker(running.worker.health)
    _in_the_sinks(running.sinks.health)


def _at_the_door(url: str) -> None:
    door = "/api/webhooks/workos"

    def requests(route: str, status: str) -> float:
        return told(url, "rollcall_requests_total", route=route, status=status)

    assert requests(door, "200") == PEOPLE + 1
    assert requests(door, "401") == 1
    assert requests("elsewhere", "404") == 1
    assert requests("/api/tenants/{tenant_id}/members", "200") == 1
    assert told(url, "rollcall_acknowledgement_seconds_count", route=door) == PEOPLE + 1
    assert 0 < told(url, "rollcall_acknowledgement_seconds_sum", route=door) < SECONDS
    assert told(url, "rollcall_webhooks_refused_total", why="unsigned") == 1
    assert told(url, "rollcall_ready") == 1


def _in_the_worker(url: str) -> None:
    assert told(url, "rollcall_records_decided_total", lane="urgent", outcome="applied") == 1
    assert told(url, "rollcall_records_decided_total", lane="changes", outcome="applied") > PEOPLE
    for lane in ("urgent", "changes"):
        steps = told(url, "rollcall_steps_total", lane=lane)
        assert 1 <= steps == told(url, "rollcall_step_seconds_count", lane=lane)
    committed = told(url, "rollcall_steps_total")
    assert told(url, "rollcall_transaction_seconds_count") == committed
    spent = told(url, "rollcall_step_seconds_sum")
    assert 0 < told(url, "rollcall_transaction_seconds_sum") < spent < SECONDS
    assert told(url, "rollcall_fences_total") == PARTITIONS
    assert told(url, "rollcall_recovery_seconds_count") == 1
    assert told(url, "rollcall_transactions_aborted_total") == 0

    def is_caught_up(topic: str) -> bool:
        lag = {"reader": "processors", "topic": topic}
        moved = told(url, "rollcall_position_moved_timestamp_seconds", **lag)
        # The watchdog looks every few seconds; until then nothing is shown.
        return moved > 0 == told(url, "rollcall_lag_messages", **lag)

    for topic in LANES:
        eventually(lambda name=topic.name: is_caught_up(name), SECONDS)  # type: ignore[misc] # bound


def _in_the_sinks(url: str) -> None:
    # From the webhook to the end of the sessions, told once the commit is there.
    eventually(lambda: told(url, "rollcall_revocation_seconds_count") == 1, SECONDS)
    assert 0 < told(url, "rollcall_revocation_seconds_sum") < SECONDS
    for sink in ("directory_view", "session_revoker", "audit_log"):
        applied = told(url, "rollcall_sink_batch_messages_sum", sink=sink)
        batches = told(url, "rollcall_sink_batch_seconds_count", sink=sink)
        assert applied >= batches == told(url, "rollcall_sink_batch_messages_count", sink=sink) > 0
    eventually(lambda: told(url, "rollcall_lag_messages") == 0, SECONDS)
    assert told(url, "rollcall_position_moved_timestamp_seconds", reader="audit_log") > 0
