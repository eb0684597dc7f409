"""What the doctor says of things that cannot be had here: other clocks, disks, clusters, fleets."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException
from typing_extensions import override

from deploy import health
from deploy.doctor import brokers, clock, disk, examination, groups, positions
from deploy.doctor.brokers import Copies
from deploy.doctor.clock import Reading
from deploy.doctor.findings import Check, Judged, named, ok
from deploy.doctor.gateway import gateway, webhooks
from deploy.doctor.groups import Group, Place
from deploy.doctor.patient import Patient
from deploy.doctor.processes import processes
from deploy.doctor.tables import dead_letters
from deploy.local.class_path import kafka_class_path
from deploy.local.guard import Guard
from deploy.local.kafka import LocalKafka
from deploy.local.memory_broker import MemoryBroker
from deploy.local.ports import free_ports
from deploy.positions.survey import STOPPED, Standing
from schemas.settings import Settings

TOLERANCE = 300.0
GIB = 1 << 30
SECRET = "sixteen-characters"


def verdicts(judged: Iterator[Judged]) -> list[str]:
    return [verdict for verdict, _, _ in judged]


@contextmanager
def patient(**settings: Any) -> Iterator[Patient]:
    with closing(Patient(Settings(**settings))) as who:
        yield who


# --- clocks


@pytest.mark.parametrize(
    ("ahead", "doubt", "verdict"),
    [
        (1.9, 0.0, "ok"),
        (-1.9, 0.0, "ok"),
        (2.1, 0.0, "warning"),
        (-2.1, 0.0, "warning"),
        (2.9, 1.0, "ok"),
        (3.1, 1.0, "warning"),
        (149.0, 0.0, "warning"),
        (151.0, 0.0, "problem"),
        (-151.0, 0.0, "problem"),
    ],
)
def test_clocks_that_are_apart(ahead: float, doubt: float, verdict: str) -> None:
    reading = Reading(whose="Postgres", ahead=ahead, doubt=doubt)
    assert verdicts(clock.judge([reading], TOLERANCE)) == [verdict]


def test_a_clock_is_said_to_be_ahead_or_behind() -> None:
    readings = [Reading(whose=f"{ahead}", ahead=ahead, doubt=0) for ahead in (9.0, 0.0, -9.0)]
    told = [sentence for _, sentence, _ in clock.judge(readings, TOLERANCE)]
    assert "9.0 s ahead of ours" in told[0]
    assert "9.0 s behind ours" in told[1]
    assert len(told) == 2
    assert verdicts(clock.judge([], TOLERANCE)) == ["warning"]


# --- disks


@pytest.mark.parametrize(
    ("total", "free", "verdict"),
    [
        (100 * GIB, 10 * GIB, "ok"),
        (100 * GIB, 10 * GIB - 1, "warning"),
        (5 * GIB, GIB, "ok"),
        (5 * GIB, GIB - 1, "warning"),
    ],
)
def test_disks_that_are_nearly_full(total: int, free: int, verdict: str) -> None:
    found, sentence, advice = disk.judge("/state", total, free)
    assert found == verdict
    assert "/state" in sentence
    assert (advice is None) == (verdict == "ok")


def test_a_folder_that_is_not_there_yet_is_on_the_disk_above_it(tmp_path: Path) -> None:
    with patient(state_folder=tmp_path / "not" / "yet") as who:
        ((_, sentence, _),) = disk.disk(who)
    assert str(tmp_path / "not" / "yet") in sentence


# --- copies

SAFE: dict[str, Any] = {"copies": 3, "in_step": 3, "confirming": 2, "unclean": False}


@pytest.mark.parametrize(
    ("changed", "verdict", "sentence"),
    [
        ({}, "ok", "3 copies or more"),
        ({"copies": 2, "in_step": 2}, "problem", "Fewer than 3 copies: t (2)"),
        ({"confirming": 1}, "problem", "min.insync.replicas is below 2"),
        ({"confirming": None}, "ok", ""),
        ({"unclean": True}, "problem", "may become the leader: t"),
        ({"in_step": 2}, "warning", "lag behind or are away: t"),
        ({"in_step": 1}, "problem", "Too few copies are in step to write: t"),
    ],
)
def test_copies_in_a_cluster(changed: dict[str, Any], verdict: str, sentence: str) -> None:
    all_of_them = [Copies(topic="safe", **SAFE), Copies(topic="t", **(SAFE | changed))]
    ((found, told, _),) = brokers.judge(3, all_of_them)
    assert found == verdict
    assert sentence in told
    assert "safe" not in told


def test_one_node_is_a_warning_and_one_that_is_left_of_three_is_none() -> None:
    alone = Copies(topic="t", copies=1, in_step=1, confirming=1)
    assert verdicts(brokers.judge(1, [alone])) == ["warning"]
    left = Copies(topic="t", copies=3, in_step=1, confirming=2)
    assert verdicts(brokers.judge(1, [left])) == ["problem"]


@pytest.mark.kafka
def test_a_broker_that_sends_clients_where_nobody_listens(tmp_path: Path) -> None:
    with Guard(tmp_path) as guard:
        kafka = LocalKafka(tmp_path / "kafka", kafka_class_path(print), guard, detours=1)
        try:
            kafka.start()
            (detour,) = kafka.detours
            with patient(kafka=f"127.0.0.1:{detour.port}") as who:
                ((verdict, sentence, advice),) = brokers.kafka(who)
        finally:
            kafka.kill()
    assert verdict == "problem"
    assert f"127.0.0.1:{detour.advertised}" in sentence
    assert "advertised.listeners" in (advice or "")


# --- workers

INPUTS = {("urgent", 0), ("urgent", 1), ("changes", 0), ("changes", 1)}


def worker(owned: int, *kept: int) -> set[Place]:
    """Who decides one partition and keeps the state of some."""
    return {("urgent", owned), ("changes", owned), *(("log", number) for number in kept)}


@pytest.mark.parametrize(
    ("members", "verdict", "sentence"),
    [
        ([], "problem", "No worker runs"),
        ([worker(0, 0) | worker(1, 1)], "ok", "One worker owns all 2 partitions."),
        ([worker(0, 0)], "problem", "No worker owns partition 1."),
        ([worker(0, 0) | {("urgent", 1)}], "problem", "No worker owns partition 1."),
        ([worker(0, 0), worker(1, 1)], "warning", "2 workers run, and none keeps a copy"),
        ([worker(0, 0, 1), worker(1, 0, 1)], "ok", "2 workers own all 2 partitions, with copies"),
    ],
)
def test_workers(members: list[set[Place]], verdict: str, sentence: str) -> None:
    ((found, told, _),) = groups.judge_workers(Group(members=members), INPUTS, "log")
    assert found == verdict
    assert sentence in told


def test_workers_that_are_too_many_or_not_settled() -> None:
    three = [worker(0, 0, 1), worker(1, 0, 1), set[Place]()]
    told = [*groups.judge_workers(Group(members=three), INPUTS, "log")]
    assert "3 workers run for 2 partitions" in told[0][1]
    sharing = Group(members=[set()], is_sharing=True)
    assert verdicts(groups.judge_workers(sharing, INPUTS, "log")) == ["warning"]


def test_the_in_memory_broker_does_not_say_who_runs(tmp_path: Path) -> None:
    with Guard(tmp_path) as guard:
        broker = MemoryBroker(tmp_path, guard)
        try:
            broker.prepare()
            broker.launch()
            broker.until_ready()
            with patient(kafka=broker.address) as who:
                told = [*groups.workers(who), *groups.sinks(who)]
        finally:
            broker.stop()
    assert (
        told == [("warning", "Not checked: this Kafka does not say who is in a group.", None)] * 2
    )


# --- positions


def standing(reader: str, partition: int, lag: int | None, verdict: str = "ok") -> Standing:
    return Standing(
        reader=reader,
        topic="audit-entries",
        partition=partition,
        position=None,
        lag=lag,
        refused=lag is None,
        verdict=verdict,
    )


def test_positions() -> None:
    near = [standing("processors", 0, 7), standing("processors", 1, 2), standing("audit_log", 0, 0)]
    ((verdict, sentence, _),) = positions.judge(near)
    assert verdict == "ok"
    assert "processors 9, audit_log 0" in sentence
    half = positions.FAR_BEHIND // 2
    far = [standing("audit_log", 0, half), standing("audit_log", 1, half), near[0]]
    ((verdict, sentence, _),) = positions.judge(far)
    assert verdict == "warning"
    assert f"audit_log by {positions.FAR_BEHIND:,}" in sentence
    assert "processors" not in sentence
    bad = [standing("processors", 3, 0, STOPPED), standing("audit_log", 0, None, "Made anew.")]
    assert verdicts(positions.judge([*bad, *near])) == ["problem", "problem"]


# --- the gateway, and what may stand in its place


class Answering(HTTPServer):
    """Answers each request in the same way."""

    def __init__(self, status: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.end_headers()

            do_POST = do_GET  # noqa: N815 - http.server's own name

            @override
            def log_message(self, *_: object) -> None:
                pass  # the test's output stays clean

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def answering(status: int) -> Iterator[Patient]:
    with Answering(status) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            with patient(url=url, admin_token=SECRET, workos_webhook_secrets=(SECRET,)) as who:
                yield who
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "check", "sentence"),
    [
        (404, gateway, "says 404, so it is no gateway"),
        (503, gateway, "cannot answer just now"),
        (404, webhooks, "answers 404 to a webhook, not 200"),
        (200, webhooks, "answers 200 to a webhook that a stranger signed, not 401"),
    ],
)
def test_what_is_no_gateway(
    status: int, check: Callable[[Patient], Iterator[Judged]], sentence: str
) -> None:
    with answering(status) as who:
        ((verdict, told, advice),) = check(who)
    assert verdict == "problem"
    assert sentence in told
    assert advice


# --- processes


def test_a_process_that_is_not_ready_says_why() -> None:
    settings: dict[str, Any] = {"health_port": free_ports(1)[0]}
    with health.served(Settings(**settings), "processors") as stage, patient(**settings) as who:
        stage.why_not_ready = lambda: "Partition 3 stopped."
        ((verdict, sentence, _),) = processes(who)
        assert verdict == "problem"
        assert "not ready. Partition 3 stopped." in sentence
        stage.why_not_ready = lambda: None
        assert verdicts(processes(who)) == ["ok"]


def test_something_else_on_a_health_port() -> None:
    with answering(200) as other, patient(health_port=other.http.base_url.port) as who:
        ((verdict, sentence, _),) = processes(who)
    assert verdict == "warning"
    assert "Something else than Rollcall" in sentence


# --- a check that cannot be made


def test_a_check_that_fails_hides_nothing_and_is_not_asked_for_more() -> None:
    def defective(_: Patient) -> Iterator[Judged]:
        yield ok("This is not told.")
        raise KeyError(SECRET)

    def unanswered(_: Patient) -> Iterator[Judged]:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    with patient() as who:
        ((verdict, sentence, _),) = examination._judged(Check("topics", defective), who)
        assert verdict == "problem"
        assert "failed itself (KeyError)" in sentence
        assert SECRET not in sentence
        ((_, sentence, _),) = examination._judged(Check("Kafka", unanswered), who)
        assert "does not answer" in sentence
        assert who.away == {"topics", "Kafka"}
        needy = Check("needy", defective, needs=("Postgres", "Kafka", "topics"))
        assert [*examination._judged(needy, who)] == [
            ("warning", "Not checked: Kafka is away.", None)
        ]


def test_of_a_kafka_that_is_spoken_to_wrongly_it_says_what_to_correct() -> None:
    with (
        answering(400) as other,
        patient(kafka=f"127.0.0.1:{other.http.base_url.port}", kafka_security="ssl") as who,
    ):
        ((verdict, sentence, _),) = examination._judged(Check("Kafka", brokers.kafka), who)
    assert verdict == "problem"
    assert "SSL handshake failed" in sentence
    assert (
        "correct ROLLCALL_KAFKA_CA, ROLLCALL_KAFKA_CERTIFICATE and ROLLCALL_KAFKA_KEY" in sentence
    )


def test_every_need_is_a_check_that_is_made_before() -> None:
    names = [check.name for check in examination.CHECKS]
    for check in examination.CHECKS:
        assert set(check.needs) <= set(names[: names.index(check.name)])
        assert set(check.needs) <= examination.WITHOUT.keys()


def test_a_lock_in_postgres_holds_up_nobody(database_url: str) -> None:
    with psycopg.connect(database_url) as other, patient(database_url=database_url) as who:
        other.execute("LOCK TABLE dead_letter IN ACCESS EXCLUSIVE MODE")
        ((verdict, sentence, _),) = examination._judged(Check("dead letters", dead_letters), who)
    assert verdict == "problem"
    assert "statement timeout" in sentence


def test_long_lists_are_cut() -> None:
    assert named(["a", "b", "c"]) == "a, b, c"
    assert named(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
