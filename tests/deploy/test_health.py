"""What a process answers to those who watch it, on a port that no door shares."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from prometheus_client import parser
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.openmetrics import parser as openmetrics

from deploy import health
from deploy.local.ports import free_ports
from schemas import metrics
from schemas.health import Health
from schemas.settings import Settings, SettingsError
from tests.clear import CLEAR
from tests.harness import Process, Stage, World
from tests.waiting import eventually

STAGES: tuple[Stage, ...] = ("gateway", "processors", "sinks")
PATHS = ("/livez", "/readyz", "/metrics")
METRICS = {
    described.name
    for metric in vars(metrics).values()
    if isinstance(metric, MetricWrapperBase)
    for described in metric.describe()
}


def settings(**changes: Any) -> Settings:
    return Settings(**{"health_host": "127.0.0.1", "health_port": free_ports(1)[0], **changes})


class Probed:
    """A health server in this process, and the stage's side of it."""

    def __init__(self, url: str, stage: Health) -> None:
        self.url = url
        self.address = ("127.0.0.1", int(url.rpartition(":")[2]))
        self.stage = stage

    def __call__(self, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
        return httpx2.request(method, self.url + path, headers=headers, verify=CLEAR)


@pytest.fixture
def probe() -> Iterator[Probed]:
    own = settings()
    with health.served(own, "gateway") as stage:
        yield Probed(f"http://127.0.0.1:{own.health_port}", stage)


def metric(text: str, name: str) -> float:
    families = parser.text_string_to_metric_families(text)
    (sample,) = (s for family in families if family.name == name for s in family.samples)
    return sample.value


def not_ready(why: str) -> tuple[int, object, float]:
    return 503, {"status": "not ready", "why": why}, 0


READY: tuple[int, object, float] = (200, {"status": "ready"}, 1)


def readiness(probe: Probed) -> tuple[int, object, float]:
    answer = probe("/readyz")
    return (
        answer.status_code,
        answer.json(),
        metric(probe("/metrics").text, "rollcall_ready"),
    )


def test_readiness_is_what_the_stage_says_and_metrics_say_the_same(probe: Probed) -> None:
    assert readiness(probe) == not_ready("The process is starting.")
    probe.stage.why_not_ready = lambda: None
    assert readiness(probe) == READY
    probe.stage.why_not_ready = lambda: "Kafka does not answer."
    assert readiness(probe) == not_ready("Kafka does not answer.")
    live = probe("/livez")
    assert (live.status_code, live.json()) == (200, {"status": "live"})


def test_a_stage_that_cannot_say_is_not_ready(probe: Probed) -> None:
    def fail() -> str | None:
        raise KeyError("ann@example.com")

    probe.stage.why_not_ready = fail
    why = "The process could not find out whether it is ready (KeyError)."
    assert readiness(probe) == not_ready(why)


@pytest.mark.parametrize("path", ["/", "/metricsx", "/api/tenants"])
def test_anything_else_is_not_found(probe: Probed, path: str) -> None:
    answer = probe(path)
    assert answer.status_code == 404
    assert answer.json()["why"] == "This port answers /livez, /readyz and /metrics."


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_like_get_without_a_body(probe: Probed, path: str) -> None:
    with socket.create_connection(probe.address) as client:
        client.sendall(f"HEAD {path}?probe=1 HTTP/1.0\r\n\r\n".encode())
        head, end, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    got = probe(path)
    assert f" {got.status_code} ".encode() in head.splitlines()[0]
    assert got.headers["Content-Type"].encode() in head
    assert (end, body) == (b"\r\n\r\n", b"")


def test_nothing_can_be_sent_there(probe: Probed) -> None:
    answer = probe("/livez", "POST")
    assert answer.status_code == 501
    assert answer.json()["status"] == "refused"


def test_a_scraper_gets_the_format_that_it_asks_for(probe: Probed) -> None:
    plain = probe("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    opened = probe("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert opened.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = openmetrics.text_string_to_metric_families(opened.text)  # type: ignore[no-untyped-call] # the client's
    assert {family.name for family in families} >= METRICS


def test_one_who_keeps_it_waiting_holds_up_nobody(
    probe: Probed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READ_SECONDS", 60)
    with socket.create_connection(probe.address) as slow:
        slow.sendall(b"GET /livez HTTP/1.0\r\nX-Slow: ")
        assert probe("/livez").status_code == 200
        slow.sendall(b"no\r\n\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.0 200")


def test_one_who_sends_a_byte_now_and_then_is_hung_up_on(
    probe: Probed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READ_SECONDS", 0.5)
    with socket.create_connection(probe.address) as slow:
        slow.settimeout(0.1)

        def is_hung_up_on() -> bool:
            try:
                slow.sendall(b"a")
                return slow.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        eventually(is_hung_up_on, 30)


def test_of_many_who_ask_at_once_some_are_hung_up_on_and_the_process_lives(
    probe: Probed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READ_SECONDS", 60)
    with ExitStack() as clients:
        for _ in range(health.ASKING):
            clients.enter_context(socket.create_connection(probe.address)).sendall(b"GET")
        with socket.create_connection(probe.address) as beyond:
            assert beyond.recv(1) == b""

    def is_answered() -> bool:
        try:
            return probe("/livez").status_code == 200
        except httpx2.TransportError:
            return False

    eventually(is_answered, 30)  # once those are gone


def test_one_who_says_nothing_is_hung_up_on(probe: Probed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "READ_SECONDS", 0.1)
    with socket.create_connection(probe.address, timeout=20) as silent:
        assert silent.recv(100) == b""


def test_an_address_that_cannot_be_had_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own = settings(health_port=taken.getsockname()[1])
        with (
            pytest.raises(SettingsError, match=r"in use\): set ROLLCALL_HEALTH_HOST and ROLLCALL_"),
            health.served(own, "sinks"),
        ):
            pass


def test_urls_name_what_can_be_called() -> None:
    assert health.url_of("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert health.url_of("::", 2) == "http://[::1]:2"
    assert health.url_of("gateway.internal", 3) == "http://gateway.internal:3"


# --- real processes


def answers(process: Process, path: str) -> httpx2.Response:
    return httpx2.get(process.health + path, verify=CLEAR)


def test_each_stage_answers_on_a_port_of_its_own_and_on_no_other(world: World) -> None:
    with world.processes(*STAGES) as started:
        for process in started.values():
            assert answers(process, "/livez").json() == {"status": "live"}
            eventually(lambda: answers(process, "/readyz").json() == {"status": "ready"}, 30)  # noqa: B023
            families = parser.text_string_to_metric_families(answers(process, "/metrics").text)
            assert {family.name for family in families} >= METRICS
        for path in PATHS:
            assert httpx2.get(world.settings.url + path, verify=CLEAR).status_code == 404


@pytest.mark.parametrize("stage", STAGES)
def test_a_process_that_is_starting_lives_and_says_that_it_is_not_ready(
    world: World, stage: Stage
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a Kafka that takes its time
        kafka = {"ROLLCALL_KAFKA": f"127.0.0.1:{silent.getsockname()[1]}"}
        with world.process(stage, env=kafka, ready=False) as process:
            eventually(lambda: "health and metrics are served" in process.log.read_text(), 30)
            answer = answers(process, "/readyz")
            assert (answer.status_code, answer.json()["why"]) == (503, "The process is starting.")
            assert answers(process, "/livez").status_code == 200
            assert metric(answers(process, "/metrics").text, "rollcall_ready") == 0


def test_what_is_not_set_is_said_before_anything_listens(world: World) -> None:
    with world.process("sinks", env={"ROLLCALL_DATABASE_URL": ""}, ready=False) as process:
        assert process.until_ended() == 2
        assert process.log.read_text().startswith("rollcall: ROLLCALL_DATABASE_URL is not set")
