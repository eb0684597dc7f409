"""Where readers stand, and the way on after a loss: on real logs that lost something on purpose."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

import pytest
from confluent_kafka import Producer

from deploy import installation
from deploy.errors import InstallationError, NotAcceptedError
from deploy.positions import acceptance, moving, survey
from schemas import codec, topics
from schemas.changes import AnyChange
from schemas.state import Position
from tests.core import scenario
from tests.core.scenario import directory, reported, role, tenant
from tests.deploy.asking import (
    AUDIT,
    CHANGES,
    PARTITION,
    accept,
    applied,
    decided,
    run,
    standing,
    told,
)
from tests.deploy.broker import Broker
from tests.deploy.docs import documented, same_shape
from tests.harness import PARTITIONS, World
from tests.sinks.messages import entry
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
SECONDS, ACCEPT = 60.0, "`rollcall positions accept`"
ACCEPT = "`rollcall positions accept`"
SETTINGS: list[AnyChange] = [tenant(), role("member", 10, default=True), directory()]


def logged(world: World) -> list[str]:
    """Ids of what the audit log says of the tenant."""
    query = "SELECT entry_id FROM audit_entry WHERE tenant_id = %s ORDER BY sequence"
    return [row["entry_id"] for row in world.rows(query, scenario.TENANT)]


@pytest.fixture
def entries(world: World) -> list[str]:
    """Ids of three audit entries; markers stand between them: 0, 2, 4, and the end is 6."""
    made = [entry(sentence) for sentence in ("one", "two", "three")]
    for each in made:
        world.produce(AUDIT, each)
    return [each.event_id for each in made]


def test_who_reads_what_is_what_the_table_of_topics_says() -> None:
    kept = {reader for topic in topics.TOPICS for reader in topic.read_by} - {"product"}
    assert survey.READERS.keys() == kept
    assert set(survey.READERS["directory_view"]) == {topics.DIRECTORY_EVENTS, topics.ACCESS_EVENTS}


def test_an_input_that_was_made_anew_is_accepted_and_a_worker_decides_what_comes(
    world: World, broker: Broker
) -> None:
    changes = [*SETTINGS, reported("ann")]
    world.produce(CHANGES, *changes)
    decided(world, 3, changes[3].change_id)
    broker.delete(world.settings.topic(CHANGES))
    with pytest.raises(InstallationError, match=f"made anew .*{ACCEPT}"):
        installation.create_topics(world.settings, PARTITIONS)
    found = standing(world)
    assert found.refused
    assert ACCEPT in found.verdict
    world.produce(CHANGES, *changes)

    done = accept(world, "processors", CHANGES, "beginning")

    assert done.exit_code == 0, done.output
    moved = f"processors goes on at 0 of {CHANGES}[{PARTITION}], where it stood after 3"
    assert moved in done.stdout
    anew, *moves = told(world)
    assert anew.startswith("The operator accepted that the topic directory-changes, which was made")
    assert len(moves) == PARTITIONS
    assert all(each.endswith(": a lost disk") for each in (anew, *moves))
    installation.load(world.settings)
    assert standing(world).verdict == "behind by 4"
    with world.processes("processors", "gateway"):
        eventually(lambda: world.messages("access-events-v1"), SECONDS)
        listed = json.loads(run(world, "audit", "list", "-t", "_rollcall", "--json").stdout)
        assert [each["sentence"] for each in reversed(listed["entries"])] == [anew, *moves]
        assert run(world, "role", "list", "-t", "_rollcall").exit_code == 1  # no tenant of anybody
    assert standing(world).verdict == "ok"


def test_a_topic_that_only_the_product_reads_is_accepted_as_a_whole(
    world: World, broker: Broker
) -> None:
    broker.delete(world.settings.topic("deprovisions-v1"))
    with pytest.raises(InstallationError, match=ACCEPT):
        installation.create_topics(world.settings, PARTITIONS)
    assert accept(world, "product", "deprovisions-v1", "beginning").exit_code == 0
    assert len(told(world)) == 1
    installation.load(world.settings)


def shortened(world: World, broker: Broker, entries: list[str]) -> None:
    applied(world, 0, entries[0])
    broker.delete_records(world.settings.topic(AUDIT), PARTITION, 3)


def beyond(world: World, _broker: Broker, entries: list[str]) -> None:
    applied(world, 100, entries[0])


def another(world: World, _broker: Broker, entries: list[str]) -> None:
    applied(world, 2, entries[0])


class Loss(NamedTuple):
    """How a log lost something, what is said of it, and where reading goes on."""

    happens: Callable[[World, Broker, list[str]], None]
    says: str
    at: str
    goes_on: int


LOSSES = [
    Loss(shortened, "begins at 3, but 1 is due", "beginning", 3),
    Loss(beyond, "ends at 6, but 100 was applied", "end", 6),
    Loss(another, "another history", "2", 2),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.happens.__name__)
def test_a_sink_goes_on_where_its_loss_was_accepted(
    world: World, broker: Broker, entries: list[str], loss: Loss
) -> None:
    loss.happens(world, broker, entries)
    found = standing(world, "audit_log", AUDIT)
    assert found.refused
    assert loss.says in found.verdict
    assert ACCEPT in found.verdict
    assert accept(world, "audit_log", AUDIT, loss.at, "--partition", str(PARTITION)).exit_code == 0
    assert told(world)[0].startswith(
        f"The operator accepted that audit_log goes on at {loss.goes_on} of {AUDIT}[{PARTITION}]"
    )
    assert standing(world, "audit_log", AUDIT).lag == 6 - loss.goes_on
    last = entry("four")
    world.produce(AUDIT, last)
    left = [each for number, each in enumerate(entries) if number * 2 >= loss.goes_on]
    with world.process("sinks"):
        eventually(lambda: logged(world)[-1:] == [last.event_id], SECONDS)
    assert logged(world) == [*left, last.event_id]


def test_the_end_is_before_what_is_not_decided_yet(world: World, entries: list[str]) -> None:
    """A transaction that is open may still be committed: nobody has seen what it wrote."""
    applied(world, 100, entries[0])
    with closing(transactional(world)) as producer:
        producer.begin_transaction()
        producer.produce(world.settings.topic(AUDIT), b"{}", b"acme", PARTITION)
        assert producer.flush(SECONDS) == 0
        assert accept(world, "audit_log", AUDIT, "end").exit_code == 0
        producer.abort_transaction(SECONDS)
    world.until_readable(AUDIT)
    assert standing(world, "audit_log", AUDIT).lag == 2


def transactional(world: World) -> Producer:
    name = f"{world.settings.installation}-stranger"
    kafka = world.settings.require_kafka()
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": name})
    producer.init_transactions(SECONDS)
    return producer


def test_a_gap_in_an_input_is_seen_and_a_worker_goes_on_after_it(world: World) -> None:
    """Who writes an input in transactions leaves markers in it, where no message is."""
    changes: list[AnyChange] = [tenant(), directory()]
    with closing(transactional(world)) as producer:
        for change in changes:
            producer.begin_transaction()
            producer.produce(
                world.settings.topic(CHANGES),
                codec.encode(change),
                change.tenant_id,
                PARTITION,
                headers=[*codec.envelope_of_change(change, "tests").headers()],
            )
            producer.commit_transaction(SECONDS)
    world.until_readable(CHANGES)
    decided(world, 0, changes[0].change_id)
    found = standing(world)
    assert found.refused
    assert "holds no message at 1, which is due, and the next one stands at 2" in found.verdict
    assert accept(world, "processors", CHANGES, "2", "--partition", str(PARTITION)).exit_code == 0
    assert standing(world).position == Position(
        topic_id=world.installation.topic_ids[world.settings.topic(CHANGES)], offset=1, ce_id=""
    )
    with world.process("processors"):
        eventually(lambda: world.messages("directory-events"), SECONDS)  # it was decided


def test_a_world_that_runs_says_ok_and_one_that_waits_how_far_it_is_behind(world: World) -> None:
    def everything_is_ok() -> bool:
        return {each.verdict for each in survey.standings(world.settings)} == {"ok"}

    with world.processes("processors", "sinks"):
        world.produce(CHANGES, *SETTINGS, reported("ann"))
        eventually(lambda: standing(world).position, SECONDS)
        eventually(lambda: standing(world, "audit_log", AUDIT).position, SECONDS)
        eventually(everything_is_ok, SECONDS)
    changes = [reported("ben"), reported("cid")]
    world.produce(CHANGES, *changes)
    found = standing(world)
    assert (found.verdict, found.lag, found.end) == ("behind by 2", 2, 6)
    shown = run(world, "positions", "show")
    assert "directory-changes-urgent" in shown.stdout
    assert shown.stdout.count("behind by 2") == 1
    body = json.loads(run(world, "positions", "show", "--json").stdout)
    same_shape(documented("positions show"), body)
    assert len(body["positions"]) == PARTITIONS * 7


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nobody", CHANGES, "end"), "There is no reader nobody: there are .*directory_view"),
        (("audit_log", CHANGES, "end"), "audit_log does not read directory-changes: it reads"),
        (("processors", CHANGES, "end", "--partition", "9"), r"no position on .*\[9\]"),
        (("processors", CHANGES, "end"), "there is nothing to accept"),
        (
            ("audit_log", AUDIT, "7", "--partition", str(PARTITION)),
            "goes from 0 to 6, so 7 is not in it",
        ),
        (("audit_log", AUDIT, "1"), "An offset is one partition's"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    world: World, entries: list[str], words: tuple[str, ...], says: str
) -> None:
    applied(world, 100, entries[0])
    refused = accept(world, *words)
    assert isinstance(refused.exception, NotAcceptedError)
    assert re.search(says, str(refused.exception))
    assert told(world) == []
    assert standing(world, "audit_log", AUDIT).refused


def test_the_operator_is_asked_first(world: World, entries: list[str]) -> None:
    applied(world, 100, entries[0])
    words = ("positions", "accept", "--reader", "audit_log", "--topic", AUDIT, "--at", "end")
    refused = run(world, *words, "--reason", "why", answer="n\n")
    assert str(refused.exception) == "Nothing was changed."
    assert "ends at 6, but 100 was applied" in refused.stdout
    assert told(world) == []
    assert run(world, *words, "--reason", " ").exit_code == 2
    assert run(world, *words, "--reason", "why", answer="y\n").exit_code == 0


def test_a_reader_that_moved_on_meanwhile_stays_where_it_is(
    world: World, entries: list[str]
) -> None:
    applied(world, 100, entries[0])
    decided(world, 100, "gone")
    readers = [("audit_log", AUDIT), ("processors", CHANGES)]
    plans = [
        acceptance.plan(world.settings, reader=reader, topic=topic, partition=None, at="end")
        for reader, topic in readers
    ]
    world.rows('UPDATE sink_position SET "offset" = 101 RETURNING sink')
    decided(world, 101, "gone")
    for plan, place in zip(plans, readers, strict=True):
        with pytest.raises(NotAcceptedError, match="moved on"):
            moving.carry_out(world.settings, plan, "too late")
        assert "101 was applied" in standing(world, *place).verdict
    assert told(world) == []


def test_without_the_memory_of_decisions_nothing_can_be_accepted(
    world: World, broker: Broker
) -> None:
    decided(world, 100, "gone")
    changelog = world.settings.topic("state-changelog")
    broker.set_config(changelog, "cleanup.policy", "delete")
    broker.delete_records(changelog, PARTITION, 1)
    with pytest.raises(InstallationError, match=r"begins at 1; .*begin a new installation"):
        survey.standings(world.settings)
    for reader, topic in (("processors", CHANGES), ("audit_log", AUDIT)):
        refused = accept(world, reader, topic, "end")
        assert isinstance(refused.exception, InstallationError)
        assert "begin a new installation" in str(refused.exception)
    assert told(world) == []
