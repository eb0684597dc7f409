"""`rollcall doctor` on real parts: a healthy world has no problem, and each fault has its name."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from deploy.doctor.examination import CHECKS
from deploy.local.ports import free_ports
from deploy.local.stack import Stack
from deploy.positions.logs import Logs
from schemas import limits, topics
from schemas.letters import Budget, budget_key
from schemas.read_models import metadata
from tests.deploy.asking import AUDIT, PARTITION, remember
from tests.deploy.broker import Broker
from tests.deploy.docs import PAGE, documented, same_shape
from tests.harness import PARTITIONS, Process, Stage, World, new_world, with_database
from tests.sinks.messages import dead_letter
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
SECONDS = 30.0
STAGES: tuple[Stage, ...] = ("gateway", "processors", "sinks")
NAMES = {check.name for check in CHECKS}
OF_THE_MACHINE = {"copies", "disk"}
"""What it may warn of wherever the tests run: one broker, a disk that is nearly full."""
NOWHERE = f"127.0.0.1:{free_ports(1)[0]}"
PASSWORD = "a-password-nobody-shall-see"
SPENT = Budget(seen=500, letters=tuple(range(1, limits.BUDGET_LETTERS + 1)))


class Lively:
    """A world in which all three processes run."""

    def __init__(self, world: World, processes: dict[Stage, Process]) -> None:
        self.world = world
        self.processes = processes


@pytest.fixture(scope="module")
def lively(
    stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lively]:
    with ExitStack() as running:
        folder = tmp_path_factory.mktemp("lively")
        world = running.enter_context(new_world(stack, template, folder))
        yield Lively(world, running.enter_context(world.processes(*STAGES)))


class Report:
    """What the doctor says to programs."""

    def __init__(self, result: Result) -> None:
        self.exit_code = result.exit_code
        self.body = json.loads(result.stdout)
        self.findings: list[dict[str, Any]] = self.body["findings"]
        assert {each["check"] for each in self.findings} == NAMES, "a check is hidden"
        assert self.exit_code == bool(self.problems)

    @property
    def problems(self) -> dict[str, str]:
        """Sentences and advice, by check."""
        return self._told("problem")

    @property
    def warnings(self) -> dict[str, str]:
        """Those that the machine has no part in."""
        told = self._told("warning")
        return {check: text for check, text in told.items() if check not in OF_THE_MACHINE}

    def _told(self, verdict: str) -> dict[str, str]:
        told: dict[str, str] = {}
        for each in self.findings:
            if each["verdict"] == verdict:
                text = f"{each['sentence']} {each['advice'] or ''}\n"
                told[each["check"]] = told.get(each["check"], "") + text
        return told


def asked(world: World, *words: str, **env: str | None) -> Result:
    result = CliRunner().invoke(app, ["doctor", *words], env=world.env() | env)
    ours = world.settings
    secrets = (ours.require_admin_token(), *ours.workos_webhook_secrets, PASSWORD)
    assert not [each for each in secrets if each in result.output]
    return result


def examined(world: World, **env: str | None) -> Report:
    return Report(asked(world, "--json", **env))


def everything(world: World) -> dict[str, object]:
    """What stands in Postgres and in Kafka's logs."""
    rows = "SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} AS t"
    found: dict[str, object] = {
        name: world.rows(rows.format(name)) for name in sorted(metadata.tables)
    }
    with closing(Logs(world.settings, committed=False)) as logs:
        for name in world.installation.topic_ids:
            places = [TopicPartition(name, number) for number in range(PARTITIONS)]
            found[name] = [logs.ends(place) for place in places]
    return found


# --- all is well


def test_a_healthy_world_has_no_problem_and_is_left_as_it_was(lively: Lively) -> None:
    before = everything(lively.world)
    port = lively.processes["processors"].health.rpartition(":")[2]
    report = examined(lively.world, ROLLCALL_HEALTH_PORT=port)
    assert (report.exit_code, report.problems, report.warnings) == (0, {}, {})
    same_shape(documented("doctor"), report.body)
    said = {each["check"]: each["sentence"] for each in report.findings}
    assert said["processes"] == f"Ready on this machine: port {port}."
    assert said["workers"] == f"One worker owns all {PARTITIONS} partitions."
    assert "Postgres and the gateway" in said["clock"]
    assert everything(lively.world) == before


def test_people_get_a_line_a_check_with_what_to_do_below_it(lively: Lively) -> None:
    result = asked(lively.world, ROLLCALL_WORKOS_WEBHOOK_SECRETS="")
    assert result.exit_code == 1
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    for name in NAMES:
        assert any(f" {name} " in line for line in lines), name
    (number,) = (n for n, line in enumerate(lines) if line.startswith("problem "))
    assert "webhook secret" in lines[number]
    assert lines[-1].startswith("Problems: 1. Warnings: ")
    gone = asked(lively.world, ROLLCALL_ADMIN_TOKEN="another-token-of-somebody")
    lines = [line.strip() for line in gone.stdout.splitlines()]
    (number,) = (n for n, line in enumerate(lines) if line.startswith("problem "))
    assert lines[number + 1].startswith("→ Set ROLLCALL_ADMIN_TOKEN")


def test_the_docs_tell_of_every_check() -> None:
    section = PAGE.split("### `rollcall doctor`\n")[1].split("\n##")[0]
    assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == [
        check.name for check in CHECKS
    ]


# --- one fault at a time, in what it is told


@pytest.mark.parametrize(
    ("env", "problem", "sentence", "unchecked"),
    [
        (
            {"ROLLCALL_KAFKA": NOWHERE},
            "Kafka",
            "Connection refused",
            {"topics", "topic settings", "copies", "workers", "sinks", "positions"},
        ),
        (
            {"ROLLCALL_DATABASE_URL": f"postgresql://me:{PASSWORD}@{NOWHERE}/rollcall"},
            "Postgres",
            "Connection refused",
            {"migrations", "topics", "positions", "dead letters"},
        ),
        (
            {"ROLLCALL_DATABASE_URL": f"postgresql://me:{PASSWORD}@[/rollcall"},
            "Postgres",
            "is not a URL that libpq takes",
            {"migrations", "topics", "positions", "dead letters"},
        ),
        ({"ROLLCALL_URL": f"http://{NOWHERE}"}, "gateway", "No gateway answers", {"webhooks"}),
        (
            {"ROLLCALL_ADMIN_TOKEN": None},
            "gateway",
            "ROLLCALL_ADMIN_TOKEN is not set",
            {"webhooks"},
        ),
        (
            {"ROLLCALL_KAFKA": None},
            "Kafka",
            "ROLLCALL_KAFKA is not set",
            {"topics", "topic settings", "copies", "workers", "sinks", "positions"},
        ),
        (
            {"ROLLCALL_ADMIN_TOKEN": "another-token-of-somebody"},
            "gateway",
            "refuses the admin token",
            set(),
        ),
        (
            {"ROLLCALL_WORKOS_WEBHOOK_SECRETS": ""},
            "webhook secret",
            "ROLLCALL_WORKOS_WEBHOOK_SECRETS is not set",
            {"signatures", "webhooks"},
        ),
        (
            {"ROLLCALL_WORKOS_WEBHOOK_SECRETS": "another-secret-of-somebody"},
            "webhooks",
            "refuses a webhook that is signed with our secret (401)",
            set(),
        ),
    ],
)
def test_a_wrong_setting_is_one_problem(
    lively: Lively, env: dict[str, str | None], problem: str, sentence: str, unchecked: set[str]
) -> None:
    report = examined(lively.world, **env)
    assert report.problems.keys() == {problem}
    assert sentence in report.problems[problem]
    left_out = {each["check"] for each in report.findings if "Not checked" in each["sentence"]}
    assert left_out == unchecked
    assert report.warnings.keys() == unchecked - OF_THE_MACHINE


def test_a_database_without_tables(lively: Lively, stack: Stack) -> None:
    empty = with_database(stack.database, "postgres")
    report = examined(lively.world, ROLLCALL_DATABASE_URL=empty)
    assert report.problems.keys() == {"migrations"}
    assert "run `rollcall db upgrade`" in report.problems["migrations"]
    assert report.warnings.keys() == {"topics", "positions", "dead letters"}
    assert "there are no tables" in report.warnings["topics"]


# --- one fault at a time, in what runs


def test_tables_of_a_newer_version(lively: Lively) -> None:
    move = "UPDATE alembic_version SET version_num = %s RETURNING version_num"
    (now,) = lively.world.rows("SELECT version_num FROM alembic_version")
    lively.world.rows(move, "9999")
    report = examined(lively.world)
    lively.world.rows(move, now["version_num"])
    assert report.problems.keys() == {"migrations"}
    assert "revision 9999, which this version does not know" in report.problems["migrations"]


def test_topics_with_other_settings_are_all_told(lively: Lively, broker: Broker) -> None:
    kept = {topic: topic.config()["retention.ms"] for topic in (topics.URGENT, topics.DEPROVISIONS)}
    for topic in kept:
        broker.set_config(lively.world.settings.topic(topic.name), "retention.ms", "86400000")
    report = examined(lively.world)
    for topic, right in kept.items():
        broker.set_config(lively.world.settings.topic(topic.name), "retention.ms", right)
    assert report.problems.keys() == {"topic settings"}
    for topic, right in kept.items():
        name = lively.world.settings.topic(topic.name)
        told = f"The topic {name} has retention.ms=86400000 instead of {right}"
        assert told in report.problems["topic settings"]


def test_dead_letters_by_how_bad_they_are(lively: Lively) -> None:
    letters = [
        dead_letter(removal=True),
        dead_letter(),
        dead_letter(reason="unknown_directory"),
        dead_letter(reason="unknown_directory"),
    ]
    lively.world.produce(topics.DEAD_LETTERS.name, *letters)
    count = "SELECT count(*) FROM dead_letter"
    eventually(lambda: lively.world.rows(count) == [{"count": len(letters)}], SECONDS)
    report = examined(lively.world)
    lively.world.rows("UPDATE dead_letter SET settled = 'dropped' RETURNING letter_id")
    assert report.problems.keys() == {"dead letters"}
    assert "1 removals are open: somebody may have access" in report.problems["dead letters"]
    assert "1 messages could not be decided" in report.warnings["dead letters"]
    assert "2 changes wait for a tenant" in report.warnings["dead letters"]
    assert examined(lively.world).problems == {}


def test_a_gateway_without_a_secret(lively: Lively) -> None:
    port = str(free_ports(1)[0])
    without = {"ROLLCALL_PORT": port, "ROLLCALL_WORKOS_WEBHOOK_SECRETS": ""}
    with lively.world.process("gateway", "without", env=without):
        report = examined(lively.world, ROLLCALL_URL=f"http://127.0.0.1:{port}")
    assert report.problems.keys() == {"webhooks"}
    assert "takes no webhooks (503)" in report.problems["webhooks"]


def test_a_process_that_hangs(lively: Lively) -> None:
    frozen = lively.processes["sinks"]
    port = frozen.health.rpartition(":")[2]
    frozen.freeze()
    report = examined(lively.world, ROLLCALL_HEALTH_PORT=port)
    frozen.thaw()
    assert report.problems == {}
    assert f"{frozen.health}/readyz is open and does not answer" in report.warnings["processes"]


def test_nobody_runs(world: World) -> None:
    report = examined(world)
    assert report.problems.keys() == {"gateway", "workers", "sinks"}
    assert "No worker runs" in report.problems["workers"]
    nobody = "Nobody runs audit_log, dead_letters, directory_view, session_revoker:"
    assert nobody in report.problems["sinks"]


def test_topics_that_are_gone_and_a_partition_that_stopped(world: World, broker: Broker) -> None:
    remember(world, budget_key(), SPENT)
    gone = [world.settings.topic(name) for name in (AUDIT, topics.DEPROVISIONS.name)]
    for name in gone:
        broker.delete(name)
    report = examined(world)
    assert report.problems.keys() == {"gateway", "topics", "positions", "workers", "sinks"}
    for name in gone:
        assert f"Kafka has no topic {name} any more" in report.problems["topics"]
    told = report.problems["positions"]
    assert f"audit_log cannot go on in {AUDIT}: Kafka has no topic {gone[0]}" in told
    assert f"with {PARTITIONS - 1} more partitions" in told
    assert f"Too many dead letters: partition {PARTITION} decides nothing." in told


def test_another_kafka_is_told_once(world: World) -> None:
    world.rows("UPDATE installation SET cluster_id = 'elsewhere' RETURNING name")
    report = examined(world)
    assert "this installation lives in elsewhere" in report.problems["topics"]
    assert report.warnings.keys() == {"positions", "webhooks"}
    assert "not those of this installation" in report.warnings["positions"]
