"""The stages when Kafka is full, without a controller or a disk, older, or another one."""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from deploy.local.class_path import KafkaUnavailableError, kafka_class_path
from deploy.local.guard import Guard
from deploy.local.stack import Stack
from processors.broker import Broker
from schemas import topics
from tests.harness import PARTITIONS, ROLLCALL, World, new_world
from tests.states.kafka import Kafka, tenant_on
from tests.states.stages import (
    ALL,
    SECONDS,
    Stages,
    asked,
    goes_through,
    nothing_is_there_twice,
    running,
)
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]  # a broker starts several times
ANOTHER = "rollcall: Kafka at ROLLCALL_KAFKA is the cluster .* but this installation lives in .*\n"
AWAY = "rollcall: Kafka at ROLLCALL_KAFKA does not answer"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker of our own."""
    try:
        class_path = kafka_class_path(print)
    except KafkaUnavailableError as missing:
        pytest.skip(f"harming a broker needs one of our own: {missing}")
    with Guard(tmp_path_factory.mktemp("broker")) as guard:
        own = Kafka(guard.folder / "kafka", class_path, guard)
        try:
            own.start()
            yield own
        finally:
            own.stop()


@pytest.fixture(scope="module")
def world(
    kafka: Kafka, stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world on that broker; each test leaves it as well as it was."""
    with new_world(
        replace(stack, kafka=kafka.address), template, tmp_path_factory.mktemp("world")
    ) as own:
        yield own


@pytest.fixture(scope="module")
def everything(world: World) -> Iterator[Stages]:
    """The stages of that world."""
    with running(world, *ALL) as stages:
        assert asked(world, "first").status_code == 201
        yield stages


@pytest.fixture
def stages(everything: Stages) -> Stages:
    """All of them, ready."""
    everything.until_ready()
    return everything


def run(world: World, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command, as people run it."""
    return subprocess.run(
        [sys.executable, *ROLLCALL, *words],
        env=world.env(),
        cwd=world.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_room_or_a_controller_nothing_is_promised_and_all_goes_on_afterwards(
    kafka: Kafka, world: World, stages: Stages
) -> None:
    commands = [
        ("topics", "create", "--partitions", str(PARTITIONS)),
        ("positions", "show"),
        *((stage,) for stage in ALL),
    ]
    watched = Broker(world.settings, world.installation)
    lanes = {
        (world.settings.topic(lane.name), n) for lane in topics.LANES for n in range(PARTITIONS)
    }
    assert watched.ends(lanes).keys() == lanes
    with ThreadPoolExecutor() as side_by_side:
        kafka.fill_disk()
        late = side_by_side.submit(asked, world, "late")
        eventually(kafka.has_ended, SECONDS)
        kafka.lose_controllers()
        for ended in side_by_side.map(lambda words: run(world, *words), commands):
            assert ended.returncode == 1
            assert ended.stderr.splitlines()[-1].startswith(AWAY)
        assert (late.result().status_code, late.result().json()["error"]) == (503, "not_durable")
    kafka.restart()
    stages.until_ready()
    eventually(lambda: watched.ends(lanes).keys() == lanes, SECONDS)  # the watchdog sees again
    assert goes_through(stages, "late")
    assert nothing_is_there_twice(world)


def test_where_partitions_have_no_leader_nobody_begins_and_all_goes_on_afterwards(
    kafka: Kafka, world: World, stages: Stages
) -> None:
    kafka.lose_disk()
    lane = world.settings.topic(topics.CHANGES.name)
    lost = tenant_on({number for name, number in kafka.leaderless() if name == lane})
    with ThreadPoolExecutor() as beside:
        refused = beside.submit(asked, world, lost)
        stages.start("processors", "sinks")
        worker, sinks = stages.until_ended("processors"), stages.until_ended("sinks")
        assert worker.status == 70
        assert re.search("did not let this worker take over|could not be taken over", worker.said)
        assert sinks.status == 1
        assert "Unknown partition" in sinks.said
        assert refused.result().status_code == 503
    kafka.find_disk()
    stages.until_ready()
    assert goes_through(stages, lost)
    assert nothing_is_there_twice(world)


def test_an_older_and_another_kafka_are_refused_and_the_right_one_goes_on(
    kafka: Kafka, world: World, stages: Stages
) -> None:
    kafka.copy("older")
    assert goes_through(stages, "since")
    known = world.rows("SELECT * FROM audit_entry ORDER BY tenant_id, sequence")

    kafka.swap("older", kept="newer")
    worker, sinks = stages.until_ended("processors"), stages.until_ended("sinks")
    assert worker.status == 70
    assert re.search(r"has no offset \d+, which is due|ends at \d+, but \d+ was read", worker.said)
    assert sinks.status == 1
    assert re.search("Kafka is older than what|no longer holds what is due", sinks.said)
    stages.start("processors", "sinks")
    assert "Kafka is older than what was applied" in stages.until_ended("sinks").said
    eventually(lambda: "recovering it whole" in stages.said("processors"), SECONDS)
    assert world.rows("SELECT * FROM audit_entry ORDER BY tenant_id, sequence") == known

    kafka.wipe(kept="older")
    stages.start(*ALL)
    for stage in ALL:
        ended = stages.until_ended(stage)
        assert ended.status == 1
        assert re.search(ANOTHER, ended.said)

    kafka.swap("newer", kept="wiped")
    stages.until_ready()
    assert goes_through(stages, "again")
    assert nothing_is_there_twice(world)
