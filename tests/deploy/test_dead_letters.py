"""`rollcall dead-letters` and `directory assign` on a gateway, processors and sinks that run."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from deploy.cli import replaying
from deploy.cli.app import app
from deploy.demo.posting import post_all
from deploy.local.stack import Stack
from deploy.simulate.workos import first_sync
from schemas import topics
from schemas.partitions import partition_of
from tests.core import scenario
from tests.core.scenario import deleted, reported, role, tenant
from tests.deploy.docs import documented, same_shape
from tests.harness import PARTITIONS, ROLLCALL, Process, World, new_world
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
SECONDS = 60.0
ACME, GLOBEX = ("-t", scenario.TENANT), ("-t", "globex")
WAITING, LATE, LOST = "directory_01WAITING", "directory_01LATE", "directory_01LOST"
PEOPLE = 5


@pytest.fixture(scope="module")
def world(stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose stages all run; each test leaves no letter open."""
    with (
        new_world(stack, template, tmp_path_factory.mktemp("letters")) as own,
        own.processes("gateway", "sinks"),
    ):
        yield own


@pytest.fixture(scope="module", autouse=True)
def worker(world: World) -> Iterator[Process]:
    """What decides there."""
    with world.process("processors") as process:
        yield process


def run(world: World, *words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, words, env=world.env(), input=answer)


def printed(world: World, *words: str, code: int = 0) -> Any:
    """The JSON of a command, in the shape that the docs show."""
    result = run(world, *words, "--json")
    assert result.exit_code == code, result.output
    body = json.loads(result.stdout)
    same_shape(documented(" ".join(words)), body)
    return body


def letters(world: World, *only: str) -> list[Any]:
    found: list[Any] = printed(world, "dead-letters", "list", *only)["letters"]
    return found


def attempts_of(world: World, letter_id: str) -> int:
    """How often it failed again."""
    return int(printed(world, "dead-letters", "show", letter_id)["attempts"])


def test_letters_are_listed_shown_replayed_and_dropped(world: World, worker: Process) -> None:
    cannot_be_decided(world)
    removal = look(world)

    failed = printed(world, "dead-letters", "replay", "--all", *ACME, code=1)
    assert (len(failed["decided"]), len(failed["failed"])) == (0, 4)
    said = run(world, "dead-letters", "replay", removal)
    assert said.exit_code == 1
    assert f"1 could again not be decided: no directory {LATE} in tenant acme" in said.stdout
    assert letters(world, "-d", LATE)[-1]["attempts"] >= 1

    attempts = attempts_of(world, removal)
    worker.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replaying, "PATIENCE_SECONDS", 0.5)
        still = run(world, "dead-letters", "replay", removal)  # an old failure is no answer
    worker.thaw()
    eventually(lambda: attempts_of(world, removal) > attempts, SECONDS)  # or it answers the next
    assert str(still.exception).startswith(f"The dead letter {removal} is not decided yet, and")

    words = ("directory", "assign", LATE, "--name", "Late", *ACME)
    assert run(world, *words).exit_code == 0
    garbage = next(each for each in letters(world) if each["reason"] == "undecodable")["letter_id"]
    again = printed(world, "dead-letters", "replay", "--all", *ACME, code=1)
    assert (len(again["decided"]), len(again["failed"])) == (3, 1)
    assert again["failed"][0]["letter_id"] == garbage
    assert run(world, "dead-letters", "replay", removal).exit_code == 0  # safe to repeat
    give_up(world, garbage)
    assert run(world, "dead-letters", "list").stdout == "No dead letters.\n"
    assert run(world, "dead-letters", "replay", "--all").stdout == "0 decided.\n"
    assert str(run(world, "dead-letters", "show", "none").exception).startswith("Refused (404)")


def cannot_be_decided(world: World) -> None:
    """Garbage, a person whose directory is not there yet, twice, and the removal of another."""
    world.produce(topics.CHANGES.name, tenant(), role("member", 1, default=True))
    lane = world.settings.topic(topics.CHANGES.name)
    number = partition_of(scenario.TENANT, PARTITIONS)
    with closing(Producer({"bootstrap.servers": world.settings.require_kafka()})) as producer:
        producer.produce(lane, b"\xff\x1b[31m", scenario.TENANT, number, headers=[("a", b"\x1b")])
        assert producer.flush(SECONDS) == 0
    people = [reported("ann", directory=LATE), reported("ann", directory=LATE)]
    world.produce(topics.CHANGES.name, *people)
    world.produce(topics.URGENT.name, deleted("zed", directory=LATE))
    eventually(lambda: len(letters(world)) == 4, SECONDS)


def look(world: World) -> str:
    """See them in the terminal; the id of the removal."""
    table = run(world, "dead-letters", "list", *ACME).stdout.splitlines()
    assert table[0].split()[:2] == ["removal", "letter"]
    removal = table[2].split()
    assert (removal[0], removal[2:5]) == ("REMOVAL", ["acme", "processors", "undecidable"])
    assert table[-1].startswith("1 open removals. A removal: until it is replayed, somebody may")
    first = run(world, "dead-letters", "list", "--limit", "1").stdout
    assert "REMOVAL" in first
    assert "1 of 4: narrow them down, or raise --limit." in first
    page = printed(world, "dead-letters", "list", "--limit", "1")
    assert letters(world, "--after", str(page["after"])) == letters(world)[1:]

    assert '"user_id":"zed"' in printed(world, "dead-letters", "show", removal[1])["value"]
    assert run(world, "dead-letters", "show", removal[1]).stdout.startswith("A removal: until")
    garbage = next(each for each in letters(world) if each["reason"] == "undecodable")
    shown = run(world, "dead-letters", "show", garbage["letter_id"]).stdout
    assert shown.endswith("a: \N{REPLACEMENT CHARACTER}\n/xtbMzFt\n")
    return removal[1]


def give_up(world: World, letter_id: str) -> None:
    words = ("dead-letters", "drop", letter_id)
    refused = run(world, *words, answer="n\n")
    assert str(refused.exception) == "Nothing was changed."
    assert "reason: undecodable" in refused.stderr
    assert printed(world, *words, "--yes")["settled"] == "dropped"
    eventually(lambda: letters(world) == [], SECONDS)
    assert str(run(world, *words, "--yes").exception).startswith("Refused (409)")


def test_what_waited_for_a_directory_is_replayed_by_assigning_it(world: World) -> None:
    secret = world.settings.workos_webhook_secrets[0]
    post_all(first_sync(3, PEOPLE, 1, WAITING, "org"), world.settings.url, secret, lambda: None)
    of_directory = ("-d", WAITING, "--reason", "unknown_directory")
    sent = 1 + 2 * PEOPLE  # the group, the people, their memberships
    eventually(lambda: len(letters(world, *of_directory)) == sent, SECONDS)
    refused = run(world, "dead-letters", "replay", "--all")
    assert refused.exit_code == 1
    assert f"{sent} not replayed: No tenant owns this directory" in refused.stdout

    assert run(world, "tenant", "create", GLOBEX[1], "--name", "Globex").exit_code == 0
    assert run(world, "role", "set", "member", "--rank", "1", "--default", *GLOBEX).exit_code == 0
    words = ("directory", "assign", WAITING, "--name", "Okta", *GLOBEX)
    assert printed(world, *words)["replayed"] == sent
    assert letters(world, *of_directory) == []
    assert len(letters(world, *of_directory, "--settled", "replayed")) == sent
    people = ("members", "list", *GLOBEX)
    eventually(lambda: len(printed(world, *people)["members"]) == PEOPLE, SECONDS)
    assert printed(world, *words)["replayed"] == 0

    changed = printed(world, "directory", "set", WAITING, "--on-disconnect", "deactivate", *GLOBEX)
    assert changed["on_disconnect"] == "deactivate"
    table = run(world, "directory", "list", *GLOBEX).stdout
    assert "on disconnect" in table
    assert "deactivate" in table
    cannot_be_read(world)
    standing_still(world)
    interrupted(world)
    world.rows("DELETE FROM dead_letter WHERE letter_id = 'unreadable' RETURNING letter_id")


def cannot_be_read(world: World) -> None:
    """A letter of another directory that no version can read: nobody ever replays it."""
    world.rows(
        """INSERT INTO dead_letter (tenant_id, letter_id, stage, reason, detail, entity, removal,
               directory_id, cause, topic, partition, "offset", headers, key, value, sha256,
               recorded_at)
           SELECT tenant_id, 'unreadable', stage, reason, detail, entity, removal, %s, cause,
           topic, partition, "offset", headers, key, '\\xff', sha256, recorded_at
           FROM dead_letter WHERE reason = 'unknown_directory' LIMIT 1 RETURNING number""",
        LOST,
    )


def standing_still(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replaying, "PATIENCE_SECONDS", 0.5)
        still = run(world, "directory", "assign", LOST, "--name", "Lost", *GLOBEX)
    assert str(still.exception).startswith(f"1 changes of {LOST} still wait, and nothing has")


def interrupted(world: World) -> None:
    words = ("directory", "assign", LOST, "--name", "Lost", *GLOBEX)
    query = "SELECT FROM outcome"
    before = len(world.rows(query))
    with subprocess.Popen(
        [sys.executable, *ROLLCALL, *words],
        env=world.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        eventually(lambda: len(world.rows(query)) > before, SECONDS)  # assigned again
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.startswith("The gateway and the processors go on with what was asked for")
