"""What operators see of a sink's partitions."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from prometheus_client import REGISTRY

from sinks.lag import Lag
from sinks.readiness import Readiness

PLACE = ("ours.audit-entries", 1)


@pytest.fixture
def lag() -> Lag:
    lag = Lag("audit_log", {PLACE[0]: "audit-entries"})
    lag.take([TopicPartition(*PLACE, 10)])
    return lag


def ending_at(end: int, *, answers: bool = True) -> Any:
    """The client, as far as it says where a log ends: from memory, whether Kafka answers or not."""

    def list_topics(_topic: str, _seconds: float) -> None:
        if not answers:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    return SimpleNamespace(
        get_watermark_offsets=lambda _place, cached: (0, end if cached else 0),
        list_topics=list_topics,
    )


def shown(name: str) -> float | None:
    labels = {"reader": "audit_log", "topic": "audit-entries", "partition": "1"}
    return REGISTRY.get_sample_value(f"rollcall_{name}", labels)


def test_what_stands_after_the_position_lags(lag: Lag) -> None:
    lag.show(ending_at(14))
    assert shown("lag_messages") == 4
    hour_ago = time.time() - 3600
    lag.applied(PLACE, 11, hour_ago)
    lag.show(ending_at(14))
    assert shown("lag_messages") == 2
    assert 3600 <= (shown("lag_seconds") or 0) < 3700


def test_markers_of_transactions_are_no_lag(lag: Lag) -> None:
    lag.applied(PLACE, 12, time.time() - 3600)
    lag.read_to(PLACE, 14)
    lag.show(ending_at(14))
    assert (shown("lag_messages"), shown("lag_seconds")) == (0, 0)


def test_the_end_of_a_log_comes_with_its_last_messages(lag: Lag) -> None:
    lag.read_to(PLACE, 14)
    lag.applied(PLACE, 12, time.time())
    lag.show(ending_at(14))
    assert shown("lag_messages") == 0


def test_an_end_that_is_not_known_yet_is_no_lag(lag: Lag) -> None:
    lag.show(ending_at(-1001))
    assert shown("lag_messages") == 0


def test_who_was_behind_and_is_not_any_more_counts_from_now(lag: Lag) -> None:
    lag.applied(PLACE, 13, time.time() - 3600)
    lag.show(ending_at(14))
    lag.show(ending_at(15))
    assert (shown("lag_seconds") or 0) < 60


def test_without_kafka_nothing_looks_fresh(lag: Lag) -> None:
    lag.applied(PLACE, 13, time.time() - 3600)
    assert not lag.show(ending_at(14, answers=False))
    assert (shown("lag_seconds") or 0) >= 3600


def test_what_is_somebody_elses_is_not_shown(lag: Lag) -> None:
    lag.show(ending_at(14))
    lag.drop([TopicPartition(*PLACE)])
    lag.read_to(PLACE, 20)  # both came in the batch with which it was revoked
    lag.applied(PLACE, 19, 0.0)
    lag.show(ending_at(20))
    assert shown("lag_messages") is None
    assert shown("position_moved_timestamp_seconds") is None


def test_all_sinks_are_waited_for() -> None:
    said: list[str] = []
    readiness = Readiness(["one", "two"], lambda: said.append("ready"))
    readiness.has("one")
    assert (
        readiness.why_not_ready() == "The group has not said yet which partitions are whose: two."
    )
    assert said == []
    readiness.has("two")
    readiness.has("two")
    assert readiness.why_not_ready() is None
    assert said == ["ready"]


def test_a_sink_that_kafka_does_not_answer_is_not_ready() -> None:
    readiness = Readiness([], lambda: None)
    readiness.hears("audit_log", kafka_answers=False)
    assert readiness.why_not_ready() == "Kafka does not answer audit_log: see to it."
    readiness.hears("audit_log", kafka_answers=True)
    assert readiness.why_not_ready() is None
