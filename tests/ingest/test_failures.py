"""What the gateway does when something beside it fails."""

import asyncio
import os
import signal
import socket
import threading

import httpx2
import psycopg
import pytest
from confluent_kafka import KafkaError
from psycopg import sql

from deploy.local.stack import Stack
from ingest.directories import DirectoryOwners
from schemas import limits, read_models, topics
from tests.harness import World
from tests.ingest import rows
from tests.ingest.conftest import WAIT_SECONDS, Door
from tests.ingest.events import event, user
from tests.waiting import eventually


def test_without_postgres_the_answer_is_try_again(door: Door, stack: Stack) -> None:
    assert door.gateway.why_not_ready() is None
    with psycopg.connect(door.settings.require_database()) as connection:
        name = connection.info.dbname
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(stack.database, autocommit=True) as owner:
        owner.execute(allow.format(sql.Identifier(name), False))
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        owner.execute(cut, (name,))
        eventually(lambda: not door.gateway.outcomes.ready, WAIT_SECONDS)
        assert "database is away" in (door.gateway.why_not_ready() or "")
        away = (
            door.http.get("/api/tenants"),
            door.http.post("/api/tenants", json={"tenant_id": "acme", "name": "Acme"}),
            door.post_event(event("dsync.user.created", user())),
        )
        for answer in away:
            assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
            assert answer.headers["Retry-After"] == str(limits.RETRY_AFTER_SECONDS)

        owner.execute(allow.format(sql.Identifier(name), True))
        eventually(lambda: door.gateway.why_not_ready() is None, WAIT_SECONDS)
        assert door.http.get("/api/tenants").json() == {"tenants": []}


def test_a_gateway_without_room_for_another_connection_is_not_ready(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert door.http.get("/api/tenants").status_code == 200  # and the connection stays open
    assert door.server.why_not_ready() is None
    monkeypatch.setattr(limits, "CONNECTIONS", 1)
    assert "All 1 connections are taken" in (door.server.why_not_ready() or "")


def test_an_error_of_our_own_is_500_and_tells_nothing(door: Door) -> None:
    door.write(rows.tenant("acme"))
    door.administer(f"REVOKE SELECT ON member FROM {read_models.GATEWAY_ROLE}")
    answer = door.http.get("/api/tenants/acme/members?email=ada@example.com")
    assert (answer.status_code, answer.json()["error"]) == (500, "internal")
    assert "member" not in answer.text


def test_a_producer_that_failed_for_good_is_made_anew(kafka_door: Door) -> None:
    publisher = kafka_door.gateway.publisher
    first = publisher._delivery
    assert first is not None
    # What librdkafka reports once the broker no longer knows the producer's sequence.
    first._failed(KafkaError(KafkaError._FATAL, "out of order", fatal=True))

    eventually(lambda: publisher._delivery not in {None, first}, WAIT_SECONDS)
    assert kafka_door.gateway.why_not_ready() is None
    assert kafka_door.post_event(event("dsync.user.created", user())).is_success
    first.wait(WAIT_SECONDS)
    assert not first._thread.is_alive()


def test_an_owner_is_remembered_for_some_seconds_and_its_lack_never(door: Door) -> None:
    now = 0.0
    owners = DirectoryOwners(door.gateway.database, clock=lambda: now)

    def owner() -> str | None:
        found = asyncio.run(owners.owner("okta"))
        return None if found is None else found.tenant_id

    assert owner() is None
    door.write(rows.insert("directory_owner", directory_id="okta", tenant_id="acme"))
    assert owner() == "acme"
    door.administer("UPDATE directory_owner SET tenant_id = 'other'")
    now = limits.DIRECTORY_CACHE_SECONDS - 0.1
    assert owner() == "acme"
    now = limits.DIRECTORY_CACHE_SECONDS
    assert owner() == "other"


def test_a_stop_lets_those_who_wait_have_their_answer(world: World) -> None:
    answers: list[httpx2.Response] = []
    url = f"{world.settings.url}/api/tenants"
    token = {"Authorization": f"Bearer {world.settings.require_admin_token()}"}
    body = {"tenant_id": "acme", "name": "Acme"}

    def create() -> None:
        answers.append(httpx2.post(url, json=body, headers=token, timeout=limits.OUTCOME_SECONDS))

    with world.process("gateway") as gateway:
        waiting = threading.Thread(target=create)
        waiting.start()
        (change,) = eventually(lambda: world.messages(topics.CHANGES.name), WAIT_SECONDS)
        os.kill(gateway.pid, signal.SIGTERM)
        eventually(lambda: not _listens(world), WAIT_SECONDS)
        outcome, values = rows.outcome("acme", change.change_id, 201, {"tenant_id": "acme"})
        with psycopg.connect(world.settings.require_database()) as connection:
            connection.execute(outcome.encode(), values)
        assert gateway.until_ended() == 0
        waiting.join(WAIT_SECONDS)
    assert [answer.status_code for answer in answers] == [201]


def _listens(world: World) -> bool:
    try:
        httpx2.get(world.settings.url)
    except httpx2.TransportError:  # also a connection that was waiting to be accepted
        return False
    return True


def test_who_sends_a_body_too_slowly_is_let_go(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    url = door.http.base_url
    with socket.create_connection((url.host, url.port or 80), WAIT_SECONDS) as client:
        client.sendall(b"POST /api/webhooks/workos HTTP/1.1\r\nHost: x\r\n")
        client.sendall(b"Content-Length: 9\r\n\r\n{")
        answer = client.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 408 ")
