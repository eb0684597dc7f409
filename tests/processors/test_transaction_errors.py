"""What follows from each error of a transaction, made to happen on a real broker of its own."""

import asyncio
import itertools
import os
import secrets
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from typing_extensions import override

from deploy.local.class_path import KafkaUnavailableError, kafka_class_path
from deploy.local.guard import Guard
from deploy.local.kafka import LocalKafka
from processors.transaction import Record, Transaction, TransactionAbortedError, TransactionError
from schemas import kafka, limits
from schemas.positions import LogReader
from schemas.settings import Settings
from tests.deploy.broker import Broker
from tests.harness import committed, freeze, until_readable
from tests.processors.relay import Relay
from tests.waiting import eventually

SECONDS = 30.0
SMALL = 200
"""A topic's largest message where a record of it is to be refused."""
LARGE = bytes(2 * SMALL)
Run = Callable[[Coroutine[Any, Any, Any]], Any]
Play = Callable[[], Iterator[Record]]


class Log:
    """A partition's two topics on the broker, which also can be frozen."""

    def __init__(self, own: LocalKafka, name: str) -> None:
        self.settings = Settings(kafka=own.address, installation=name, topic_prefix=f"{name}.")
        self.events = self.settings.topic("directory-events")
        self.changelog = self.settings.topic("state-changelog")
        self._admin = AdminClient({"bootstrap.servers": own.address})
        self.broker = Broker(self._admin)
        self.broker.create(self.events, 1, {"max.message.bytes": str(SMALL)})
        self.broker.create(self.changelog, 1)
        self._own = own
        self._reader = LogReader(self.settings)

    def step(self, name: str, *further: bytes) -> list[Record]:
        values = (name.encode(), *further)
        outputs = [Record(self.events, b"acme", value) for value in values]
        return [*outputs, Record(self.changelog, b"key", name.encode())]

    def steps(self) -> list[str]:
        """Which steps can be read; each is there as a whole."""
        outputs, states = self.read(self.events, self.changelog)
        assert [name for name in outputs if name.isalpha()] == states
        return states

    def read(self, *topics: str) -> list[list[str]]:
        """What each topic holds, once nothing of it is open."""
        until_readable(self._admin, *topics)
        return [
            [(message.value() or b"").decode() for message in committed(self._own.address, topic)]
            for topic in topics
        ]

    def end(self, topic: str) -> int:
        """The offset after all that was written, open transactions and markers included."""
        return self._reader.bounds(TopicPartition(topic, 0))[1]

    def until_grown(self, topic: str, offset: int) -> None:
        eventually(lambda: self.end(topic) >= offset, SECONDS)

    def freeze(self) -> None:
        freeze(self._own.pid)

    def thaw(self) -> None:
        os.kill(self._own.pid, signal.SIGCONT)

    def take_large_ones(self) -> None:
        self.broker.set_config(self.events, "max.message.bytes", str(limits.OUTPUT_MESSAGE))

    def newer_owner(self) -> None:
        """Another process takes the partition over, and writes nothing."""
        Producer(kafka.transaction_producer(self.settings, 0)).init_transactions(SECONDS)


class Played(list[Record]):
    """A step in whose midst something happens; each attempt plays it again."""

    def __init__(self, play: Play) -> None:
        super().__init__()
        self._play = play
        self.attempts = 0

    @override
    def __iter__(self) -> Iterator[Record]:
        self.attempts += 1
        return self._play()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker that may be frozen, and looks often for transactions that stand open too long."""
    try:
        class_path = kafka_class_path(lambda _: None)
    except KafkaUnavailableError as missing:
        pytest.skip(f"only a broker of its own can be frozen: {missing}")
    folder: Path = tmp_path_factory.mktemp("own")
    with Guard(folder) as guard:
        broker = LocalKafka(folder / "kafka", class_path, guard, detours=1)
        broker.prepare()
        with (folder / "kafka" / "server.properties").open("a") as file:
            file.write("transaction.abort.timed.out.transaction.cleanup.interval.ms=300\n")
        broker.launch()
        broker.until_ready()
        yield broker
        broker.kill()


@pytest.fixture
def log(own: LocalKafka) -> Iterator[Log]:
    own_log = Log(own, f"t{secrets.token_hex(5)}")
    yield own_log
    own_log.thaw()


@pytest.fixture
def run() -> Iterator[Run]:
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def then() -> Iterator[dict[str, Callable[[], None]]]:
    """What happens once when the transaction logs an event, by its name, before it goes on."""
    actions: dict[str, Callable[[], None]] = {}

    def act(_logger: object, _method: str, record: structlog.typing.EventDict) -> str:
        actions.pop(record["event"], lambda: None)()
        raise structlog.DropEvent

    before = structlog.get_config()["processors"]
    structlog.configure(processors=[act])
    yield actions
    structlog.configure(processors=before)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "COMMIT_SECONDS", 0.5)


@contextmanager
def short_lived() -> Iterator[None]:
    """Transactions of an owner that is harmed here time out, and so do their records, after 2 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "COMMIT_SECONDS", 0.5)
        patch.setattr(limits, "TRANSACTION_SECONDS", 2)
        yield


def owner_of(log: Log, run: Run, partition: int = 0) -> Transaction:
    owner = Transaction(log.settings, partition)
    run(owner.fence(SECONDS))
    return owner


def knows_that_it_is_fenced(owner: Transaction) -> bool:
    with pytest.raises(KafkaException) as refused:
        owner._producer.begin_transaction()
    return bool(refused.value.args[0].fatal())


def next_owner_goes_on(log: Log, run: Run, *before: str) -> None:
    run(owner_of(log, run).commit(log.step("next")))
    assert log.steps() == [*before, "next"]


# --- retriable: again, until it times out


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("place", ["records", "commit"])
def test_a_broker_that_does_not_answer_is_asked_again(
    log: Log, run: Run, then: dict[str, Callable[[], None]], place: Literal["records", "commit"]
) -> None:
    owner = owner_of(log, run)

    def play() -> Iterator[Record]:
        if place == "records":
            log.freeze()
        yield from log.step("ann")
        if place == "commit":
            log.until_grown(log.changelog, 1)
            log.freeze()

    then["trying again"] = log.thaw
    assert run(owner.commit(Played(play))) == 0
    assert not then, "it had to be asked again"
    run(owner.commit(log.step("ben")))
    assert log.steps() == ["ann", "ben"]


@pytest.mark.usefixtures("impatient")
def test_a_commit_whose_answer_was_lost_is_there_once(
    own: LocalKafka, log: Log, run: Run, then: dict[str, Callable[[], None]]
) -> None:
    def cut() -> None:
        if not relay.loses_answers:  # a slow machine: the commit was not sent yet
            then["trying again"] = cut
            return
        eventually(log.steps, SECONDS)  # committed, and nobody was told
        relay.cut()

    with closing(Relay(own.detours[0])) as relay:
        log.settings = log.settings.model_copy(update={"kafka": relay.address})
        owner = owner_of(log, run)
        relay.lose_answers_to_commits()
        then["trying again"] = cut
        assert run(owner.commit(log.step("ann"))) == 0
        assert not then, "it had to be asked again"
        run(owner.commit(log.step("ben")))
    assert log.steps() == ["ann", "ben"]


def test_a_broker_that_never_answers_ends_the_process(log: Log, run: Run) -> None:
    def play() -> Iterator[Record]:
        yield from log.step("ann")
        log.until_grown(log.changelog, 1)
        log.freeze()

    sentence = r"could not write a step: .*see to its brokers"
    with short_lived(), pytest.raises(TransactionError, match=sentence):
        run(owner_of(log, run).commit(Played(play)))
    log.thaw()
    run(owner_of(log, run).commit(log.step("next")))
    assert log.steps() in (["next"], ["ann", "next"])  # only the log can tell


def test_fencing_waits_no_longer_than_it_may(log: Log, run: Run) -> None:
    log.freeze()
    with pytest.raises(TransactionError, match="Partition 0 could not be taken over"):
        run(Transaction(log.settings, 0).fence(0.5))
    log.thaw()
    next_owner_goes_on(log, run)


def test_a_full_queue_of_the_client_only_waits(
    log: Log, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = kafka.transaction_producer
    monkeypatch.setattr(
        kafka,
        "transaction_producer",
        lambda *arguments: usual(*arguments) | {"queue.buffering.max.messages": 5},
    )
    run(owner_of(log, run).commit(log.step("ann", *[b"1"] * 50)))
    assert log.steps() == ["ann"]
    assert log.end(log.events) == 52  # and a marker


# --- abortable: abort, and the same step again, three times


def test_a_step_whose_record_was_refused_is_written_again(log: Log, run: Run) -> None:
    owner = owner_of(log, run)

    def play() -> Iterator[Record]:
        if step.attempts == 2:
            log.take_large_ones()
        return iter(log.step("ann", LARGE))

    step = Played(play)
    end = run(owner.commit(step))
    assert 2 <= step.attempts <= 3
    assert log.steps() == ["ann"]
    assert end == log.end(log.changelog) - 2  # of the last attempt; a marker follows


def test_a_step_that_fails_while_it_is_handed_over_is_written_again(log: Log, run: Run) -> None:
    owner = owner_of(log, run)

    def play() -> Iterator[Record]:
        yield from log.step("ann", LARGE)
        if step.attempts == 1:
            yield from itertools.repeat(log.step("ghost")[-1])  # until the client refuses one
        log.take_large_ones()

    step = Played(play)
    run(owner.commit(step))
    assert log.steps() == ["ann"]


def test_a_step_that_is_aborted_four_times_ends_the_process(log: Log, run: Run) -> None:
    step = Played(lambda: iter(log.step("ann", LARGE)))
    sentence = r"aborted 4 times: .*MSG_SIZE_TOO_LARGE.*`rollcall topics create` says which"
    with pytest.raises(TransactionAbortedError, match=sentence):
        run(owner_of(log, run).commit(step))
    assert step.attempts == 4
    next_owner_goes_on(log, run)


@pytest.mark.usefixtures("impatient")
def test_an_abort_without_an_answer_is_tried_again(
    log: Log, run: Run, then: dict[str, Callable[[], None]]
) -> None:
    def play() -> Iterator[Record]:
        if step.attempts == 2:
            log.take_large_ones()
        return iter(log.step("ann", LARGE))

    def freeze() -> None:
        log.freeze()
        then["trying again"] = log.thaw

    step = Played(play)
    then["aborting a step"] = freeze
    run(owner_of(log, run).commit(step))
    assert not then
    assert log.steps() == ["ann"]


def test_an_abort_that_fails_ends_the_process(
    log: Log, run: Run, then: dict[str, Callable[[], None]]
) -> None:
    then["aborting a step"] = log.newer_owner
    with pytest.raises(TransactionError, match=r"_FENCED") as failed:
        run(owner_of(log, run).commit(log.step("ghost", LARGE)))
    assert not isinstance(failed.value, TransactionAbortedError)
    next_owner_goes_on(log, run)


# --- fatal or unknown: exit


@pytest.mark.parametrize("place", ["begin", "midst"])
def test_an_owner_that_is_fenced_while_it_writes_ends(
    log: Log, run: Run, place: Literal["begin", "midst"]
) -> None:
    owner = owner_of(log, run)

    def play() -> Iterator[Record]:
        if place == "midst":
            yield from log.step("ghost")
            log.until_grown(log.changelog, 1)
        log.newer_owner()
        yield from log.step("ghost") * 3
        eventually(lambda: knows_that_it_is_fenced(owner), SECONDS)  # its reports pile up

    with pytest.raises(TransactionError, match=r"_FENCED.*newer owner") as failed:
        run(owner.commit(Played(play)))
    assert failed.value.__cause__ is not None
    assert failed.value.__cause__.args[0].fatal()
    next_owner_goes_on(log, run)


@pytest.mark.parametrize("further", [True, False])
def test_an_owner_whose_transaction_stood_open_too_long_ends(
    log: Log, run: Run, *, further: bool
) -> None:
    def play() -> Iterator[Record]:
        yield from log.step("ghost")
        log.until_grown(log.changelog, 2)  # the record, and the marker that Kafka set
        if further:
            yield from log.step("ghost")

    with short_lived(), pytest.raises(TransactionError, match=r"_FENCED.*stood open"):
        run(owner_of(log, run).commit(Played(play)))
    next_owner_goes_on(log, run)


def test_a_topic_that_is_deleted_ends_the_process(log: Log, run: Run) -> None:
    owner = owner_of(log, run)
    run(owner.commit(log.step("ann")))
    log.broker.delete(log.events)
    with short_lived(), pytest.raises(TransactionError):
        run(owner.commit(log.step("ghost")))
    log.broker.create(log.events, 1)
    run(owner_of(log, run).commit(log.step("next")))
    assert log.read(log.changelog) == [["ann", "next"]]


def test_a_partition_that_is_not_there_ends_the_process(log: Log, run: Run) -> None:
    with pytest.raises(TransactionError, match=r"_UNKNOWN_PARTITION.*lacks a partition"):
        run(owner_of(log, run, partition=7).commit(log.step("ghost")))
    assert log.steps() == []


def test_an_error_that_nobody_knows_ends_the_process(log: Log, run: Run) -> None:
    never_fenced = Transaction(log.settings, 0)
    with pytest.raises(TransactionError, match=r"_STATE.*A restart reads the log"):
        run(never_fenced.commit(log.step("ghost")))
    next_owner_goes_on(log, run)
