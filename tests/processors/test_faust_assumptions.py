"""What we assume of Faust 0.15.3, one test each: an upgrade that breaks one is seen here."""

import asyncio
import importlib.metadata
import inspect
import os
import re
from typing import Any

import faust
import pytest
from aiokafka.structs import TopicPartition as WireTP
from faust.assignor.client_assignment import ClientAssignment
from faust.tables.manager import TableManager
from faust.tables.recovery import ServiceStopped
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from typing_extensions import override

from processors.faust_internals.consumer import ConsumerThread
from processors.faust_internals.store import PartitionStore, ReceivedEvent
from schemas.topics import LANES

CHANGELOG = "rollcall-processors-state-changelog"


class Recorder:
    """An Ownership that only says when it was asked."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.taken: tuple[set[int], set[int]] = (set(), set())

    async def take_over(self, actives: set[int], standbys: set[int]) -> None:
        self.taken = actives, standbys
        self.calls.append("take_over")

    async def begin(self) -> bool:
        self.calls.append("begin")
        return True

    def places(self) -> dict[tuple[str, int], int]:
        return {}

    async def end(self) -> None:
        self.calls.append("end")


def run(coroutine: Any) -> Any:
    return asyncio.get_event_loop_policy().get_event_loop().run_until_complete(coroutine)


def test_the_version_is_the_one_whose_private_parts_we_know() -> None:
    assert importlib.metadata.version("faust-streaming") == "0.15.3"


def test_the_table_manager_waits_for_nothing_else_before_it_starts() -> None:
    source = inspect.getsource(TableManager.on_start)
    steps = re.findall(r"await self\.(\w+(?:\.\w+)?\(.*?\))", source)
    assert steps == ["sleep(1.0)", "_update_channels()", "recovery.start()"]


def test_the_consumer_reads_committed_messages_only_soon_and_never_begins_again(app: Any) -> None:
    async def settings_of(thread: Any) -> tuple[str, int, str]:
        thread.thread_loop.close()
        consumer = thread._create_worker_consumer(app.transport)
        await consumer.stop()
        return consumer._isolation_level, consumer._fetch_max_wait_ms, consumer._auto_offset_reset

    ours = app.consumer._new_consumer_thread()
    theirs = driver.Consumer._new_consumer_thread(app.consumer)
    assert run(settings_of(ours)) == ("read_committed", 50, "none")
    assert run(settings_of(theirs)) == ("read_uncommitted", 1500, "earliest")
    assert isinstance(app.consumer._thread, ConsumerThread)


def test_former_owners_are_fenced_before_recovery_starts(app: Any) -> None:
    calls: list[str] = []
    app.ownership = Recorder(calls)

    async def on_rebalance(*_: Any) -> None:
        calls.append("recovery")

    app.tables.on_rebalance = on_rebalance
    app.topics.maybe_wait_for_subscriptions = _nothing
    run(app._on_partitions_assigned({TP("directory-changes", 0)}))
    assert calls == ["take_over", "recovery"]


def test_a_worker_without_partitions_is_ready_although_nothing_is_recovered(app: Any) -> None:
    calls: list[str] = []
    app.ownership = Recorder(calls)
    app.tables.on_rebalance = _nothing
    app.topics.maybe_wait_for_subscriptions = _nothing
    run(app._on_partitions_assigned(set()))
    assert calls == ["take_over", "begin"]


def test_the_loops_end_after_what_was_fetched_is_acknowledged(app: Any) -> None:
    calls: list[str] = []
    app.ownership = Recorder(calls)
    app.consumer.assignment = lambda: {TP("directory-changes", 0)}

    async def wait_empty() -> None:
        calls.append("wait_empty")

    app.consumer.wait_empty = wait_empty
    app.consumer.stop_flow = lambda: None
    run(app._on_partitions_revoked(set()))
    assert calls == ["wait_empty", "end"]


def test_active_partitions_are_fenced_and_standbys_are_not(app: Any) -> None:
    recorder = Recorder([])
    app.ownership = recorder
    app.assignor._assignment = ClientAssignment(
        actives={CHANGELOG: [1], "directory-changes": [1]}, standbys={CHANGELOG: [2]}
    )
    app.tables.on_rebalance = _nothing
    app.topics.maybe_wait_for_subscriptions = _nothing
    lane, own, other = TP("directory-changes", 1), TP(CHANGELOG, 1), TP(CHANGELOG, 2)
    run(app._on_partitions_assigned({lane, own, other}))
    assert recorder.taken == ({1}, {2})


class Standing(Recorder):
    """An Ownership whose one loop wants to go on at 7."""

    @override
    def places(self) -> dict[tuple[str, int], int]:
        return {("directory-changes", 0): 7} if "begin" in self.calls else {}


def test_nothing_is_read_before_the_loops_have_begun_and_reading_goes_on_where_they_are(
    app: Any,
) -> None:
    calls: list[Any] = []
    lane, changelog = TP("directory-changes", 0), TP(CHANGELOG, 0)
    consumer = app.consumer

    async def seek_wait(places: dict[TP, int]) -> None:
        calls.append((places, set(consumer._get_active_partitions())))

    app.ownership = Standing(calls)
    consumer.seek_wait = seek_wait
    consumer.resume_partitions({lane, changelog})  # as recovery does before it asks for the seek
    run(consumer.perform_seek())
    assert calls == ["begin", ({lane: 7}, {changelog})]
    assert consumer._get_active_partitions() == {lane, changelog}


def test_pausing_a_partition_loses_nothing_that_was_fetched(app: Any) -> None:
    first, second = WireTP("directory-changes", 0), WireTP("directory-changes", 1)
    fetched = {first: [_record(first, n) for n in range(3)], second: [_record(second, 0)]}
    consumer = app.consumer

    async def getmany(**_: Any) -> Any:
        return fetched

    async def seen() -> list[tuple[int, int]]:
        consumer._set_active_tps({TP(*first), TP(*second)})
        consumer._getmany = getmany
        consumer.highwater = lambda _: 9
        got = []
        async for tp, message in consumer.getmany(timeout=1):
            got.append((tp.partition, message.offset))
            consumer.pause_partitions({TP(*first), TP(*second)})
        return got

    assert sorted(run(seen())) == [(0, 0), (0, 1), (0, 2), (1, 0)]


@pytest.mark.parametrize("overtaken_by", ["a rebalance", "a seek"])
def test_a_fetch_that_was_overtaken_is_fetched_again_and_begins_nothing(
    app: Any, overtaken_by: str
) -> None:
    calls: list[Any] = ["begin"]
    consumer = app.consumer
    lane = WireTP("directory-changes", 0)

    async def getmany(**_: Any) -> Any:
        if overtaken_by == "a rebalance":
            consumer.stop_flow()
        else:
            await consumer._seek_to_places()
        return {lane: [_record(lane, 9)]}

    async def seek_wait(places: dict[TP, int]) -> None:
        calls.append(places)

    async def seen() -> list[Any]:
        consumer._set_active_tps({TP(*lane)})
        consumer._getmany, consumer.seek_wait = getmany, seek_wait
        return [each async for each in consumer.getmany(timeout=1)]

    app.ownership = Standing(calls)
    assert run(seen()) == []
    assert calls[-1] == {TP(*lane): 7}
    assert calls.count("begin") == 1


def test_resuming_a_flow_that_is_active_throws_nothing_away(app: Any) -> None:
    async def left_after(twice: bool) -> int:
        app.flow_control.suspend()
        queue = app.FlowControlQueue(maxsize=3, clear_on_resume=True)
        queue.put_nowait("before recovery")
        app.flow_control.resume()
        queue.put_nowait("since recovery")
        if twice:
            app.flow_control.resume()
        return int(queue.qsize())

    assert (run(left_after(twice=False)), run(left_after(twice=True))) == (1, 1)


def test_recovery_that_the_broker_is_too_slow_for_ends_the_process(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    with pytest.raises(ServiceStopped):
        run(app.tables.recovery._wait(asyncio.sleep(60), timeout=0.01))
    assert ended == [70]


def test_a_message_can_pause_and_resume_its_own_partition(app: Any) -> None:
    class Event:
        message = _record(WireTP("directory-changes", 0), 0)

    app.consumer._set_active_tps({TP("directory-changes", 0)})
    app.consumer._reading = True
    received = ReceivedEvent(app, Event())
    received.pause()
    assert app.consumer._get_active_partitions() == set()
    received.resume()
    assert app.consumer._get_active_partitions() == {TP("directory-changes", 0)}


def test_committed_writes_reach_the_store_by_the_method_of_recovery(app: Any) -> None:
    table = app.tables["state"]
    store = PartitionStore(table, 3)
    store.apply([(b"b", b"2"), (b"a", b"1"), (b"c", b"3")], 41)
    store.apply([(b"c", None)], 42)
    assert (store.get(b"a"), store.get(b"c")) == (b"1", None)
    assert list(store.items_from(b"a"))[:2] == [(b"a", b"1"), (b"b", b"2")]
    assert table.data.persisted_offset(TP(CHANGELOG, 3)) == 42


def test_the_changelog_is_raw_and_has_the_name_that_the_table_of_topics_gives(app: Any) -> None:
    changelog = app.tables["state"].changelog_topic
    assert changelog.get_topic_name() == CHANGELOG
    assert (changelog.key_type, changelog.value_type) == (bytes, bytes)


def test_the_store_keeps_to_its_limits(app: Any) -> None:
    options = app.tables["state"].data.rocksdb_options
    assert (options.block_cache_size, options.write_buffer_size) == (64 << 20, 8 << 20)
    assert options.max_open_files == 256


def test_the_agents_read_the_two_lanes_and_nothing_else(app: Any) -> None:
    read = {name for agent in app.agents.values() for name in agent.channel.topics}
    assert read == {lane.name for lane in LANES}
    assert {agent.concurrency for agent in app.agents.values()} == {1}


def test_faust_makes_no_topics_serves_no_table_and_waits_when_revoked(app: Any) -> None:
    conf = app.conf
    assert (conf.topic_allow_declare, conf.web_enabled, conf.stream_wait_empty) == (
        False,
        False,
        True,
    )
    assert conf.broker_request_timeout >= conf.broker_session_timeout
    assert conf.processing_guarantee.value == "at_least_once"


def test_an_unacknowledged_stream_can_be_had() -> None:
    assert callable(faust.Stream.noack)
    assert callable(faust.Stream.events)


async def _nothing(*_: Any) -> None:
    """Stands for a part of Faust that needs a broker."""


def _record(tp: WireTP, offset: int) -> Any:
    class Record:
        topic, partition = tp
        timestamp, timestamp_type, headers, checksum = 0, 1, (), None
        key, value = b"acme", b"{}"
        serialized_key_size, serialized_value_size = 4, 2

    record = Record()
    record.offset = offset  # type: ignore[attr-defined] # aiokafka's records are untyped
    record.tp = tp  # type: ignore[attr-defined] # Faust's messages carry it
    return record
