"""What stands still is seen: the process ends and says why, and the next one goes on from there."""

from collections.abc import Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from schemas.partitions import partition_of
from tests.core.scenario import deleted, reported
from tests.harness import PARTITIONS, World
from tests.processors.telling import BROKEN, PARTITION, SECONDS, provisioned, settings, told
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
PEOPLE = 250
"""Their state is larger than what a full disk lets through."""


@pytest.mark.parametrize(
    ("people", "lost", "said"),
    [
        (["ann", "lost", "ben"], ["lost"], "where 5 was due"),
        (["ann", "ben", "lost"], ["lost", "last"], "stands still at 6"),
    ],
    ids=["in the middle", "at the end"],
)
def test_a_lost_message_of_a_burst_ends_the_worker_and_the_next_one_applies_it(
    world: World, people: Sequence[str], lost: Sequence[str], said: str
) -> None:
    with world.process("processors", program=(BROKEN, "lose", *lost)) as worker:
        told(world, *settings(), *map(reported, people))
        assert worker.until_ended() == 70
        assert said in worker.log.read_text()
        assert "Traceback" not in worker.log.read_text()
    with world.process("processors"):
        expected = [f"{each.title()} Lee" for each in people]
        assert eventually(lambda: (found := provisioned(world))[2:] and found, SECONDS) == expected


def test_a_slow_step_of_one_partition_holds_up_no_other(world: World, tmp_path: Path) -> None:
    other = "elsewhere"
    assert partition_of(other, PARTITIONS) != PARTITION
    gate = tmp_path / "gate"
    program = (BROKEN, "hold", str(PARTITION), str(gate))
    with world.process("processors", program=program):
        told(world, *settings())
        for each in (*settings(), reported("eve")):
            told(world, replace(each, tenant_id=other))
        eventually(lambda: provisioned(world) == ["Eve Lee"], SECONDS)
        gate.touch()
        told(world, reported("ann"), replace(deleted("eve"), tenant_id=other))
        (event,) = eventually(lambda: world.messages("deprovisions-v1"), SECONDS)
        assert event.tenant_id == other
        assert provisioned(world) == ["Eve Lee"]  # Ann's step is still open
        gate.unlink()
        eventually(lambda: len(provisioned(world)) == 2, SECONDS)


def test_recovery_that_reads_no_further_ends_the_worker(world: World) -> None:
    changelog = world.settings.topic("state-changelog")
    with Producer({"bootstrap.servers": world.settings.require_kafka()}) as producer:
        for number in range(3):
            producer.produce(changelog, b"{}", f"key {number}".encode(), PARTITION)
    with world.process("processors", program=(BROKEN, "unread"), ready=False) as worker:
        assert worker.until_ended() == 70
    said = worker.log.read_text()
    assert f"{changelog}[{PARTITION}] at 0 of 3" in said
    assert "Traceback" not in said


def test_a_full_disk_ends_the_worker_and_names_the_folder(world: World) -> None:
    with world.process("processors") as worker:
        told(world, *settings())
        eventually(lambda: world.messages("directory-events"), SECONDS)
        largest = 64 << 10
        assert worker.log.stat().st_size < largest / 2
        psutil.Process(worker.pid).rlimit(psutil.RLIMIT_FSIZE, (largest, largest))
        told(world, *(reported(f"p{n}") for n in range(PEOPLE)))
        assert worker.until_ended() == 70
    said = worker.log.read_text()
    assert f"The local store {world.settings.state_folder}" in said
    assert "Traceback" not in said
    with world.process("processors"):
        eventually(lambda: len(provisioned(world)) == PEOPLE, SECONDS)
