"""What operators write into a partition's state: told first, and against workers that are alive."""

from contextlib import closing

import pytest
from confluent_kafka import Producer

from deploy.errors import NotAcceptedError
from deploy.positions import operating, resumption, survey
from processors.transaction import Transaction
from schemas import codec, limits, topics
from schemas.letters import Budget, budget_key
from tests.deploy.asking import PARTITION, STATE, decided, remember, run, standing, told
from tests.harness import PARTITIONS, World

pytestmark = pytest.mark.kafka
SECONDS = 60.0
SPENT = Budget(seen=500, letters=tuple(range(1, limits.BUDGET_LETTERS + 1)))


def test_a_partition_that_stopped_is_shown_and_resumed(world: World) -> None:
    decided(world, -1, "")
    remember(world, budget_key(), SPENT)
    found = {each.verdict for each in survey.standings(world.settings)}
    assert found == {"ok", "stopped: too many dead letters"}
    assert not standing(world).refused
    words = ("dead-letters", "resume", str(PARTITION), "--reason", "the bad release is gone")
    done = run(world, *words)
    assert done.exit_code == 0, done.output
    world.until_readable(STATE)
    assert told(world) == [
        f"The operator let partition {PARTITION} decide again: the bad release is gone"
    ]
    assert standing(world).verdict == "ok"
    with pytest.raises(NotAcceptedError, match="nothing to resume"):
        resumption.resume(world.settings, PARTITION, "again")
    with pytest.raises(NotAcceptedError, match="they go from 0 to 3"):
        resumption.resume(world.settings, PARTITIONS, "why")


def test_the_state_is_read_back_as_far_as_it_must_be(world: World) -> None:
    decided(world, -1, "old")
    decided(world, -1, "", topics.URGENT.name)
    topic = world.settings.topic("state-changelog")
    with closing(Producer({"bootstrap.servers": world.settings.require_kafka()})) as producer:
        for number in range(6_000):
            producer.produce(topic, b"{}", b"other-%d" % number, PARTITION)
        assert producer.flush(SECONDS) == 0
    decided(world, -1, "new")
    seen: list[tuple[int, int]] = []
    standings = survey.standings(world.settings, lambda *progress: seen.append(progress))
    assert {each.verdict for each in standings} == {"ok"}
    assert {each.position.ce_id for each in standings if each.position} == {"new", ""}
    done = [number for number, _ in seen]
    assert done == sorted(done)
    assert len(set(done)) > 2
    assert seen[-1] == (6_006, 6_006)


class Rival:
    """A worker that takes a partition back, so many times."""

    def __init__(self, world: World, times: int) -> None:
        self._world = world
        self.left = times
        self.calls = 0

    def takes_back(self) -> None:
        self.calls += 1
        if self.left > 0:
            self.left -= 1
            producer = Transaction(self._world.settings, PARTITION)._producer
            producer.init_transactions(SECONDS)


@pytest.mark.parametrize("times", [1, operating.TRIES])
def test_a_worker_that_takes_its_partition_back_is_outlasted_or_told_of(
    world: World, times: int
) -> None:
    rival = Rival(world, times)
    said = operating.entry_of("test", "partition/0", "Once.")

    def first() -> None:
        operating.audit(world.settings, said)
        rival.takes_back()

    written = (world.settings, PARTITION, budget_key(), codec.encode(SPENT), first)
    if times < operating.TRIES:
        operating.write_state(*written)
        world.until_readable(STATE)
        assert rival.calls == times + 1
        assert survey.STOPPED in {each.verdict for each in survey.standings(world.settings)}
    else:
        with pytest.raises(NotAcceptedError, match="stop the processors"):
            operating.write_state(*written)
    assert told(world) == ["Once."]
