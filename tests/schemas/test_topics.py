"""The table of topics, audited against DESIGN §3 and §5."""

import re
import typing
from collections import Counter

import pytest

from schemas import codec, topics
from schemas.settings import Settings
from schemas.topics import (
    AUDIT_ENTRIES,
    DEAD_LETTERS,
    LANES,
    SESSION_REVOCATIONS,
    STATE_CHANGELOG,
    TOPICS,
    Topic,
)

MIB = 1 << 20
DAY = 86_400_000

each_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def test_the_table_holds_every_topic_once() -> None:
    declared = [value for value in vars(topics).values() if isinstance(value, Topic)]
    assert sorted(declared, key=TOPICS.index) == list(TOPICS)
    assert max(Counter(topic.name for topic in TOPICS).values()) == 1


@each_topic
def test_a_topic_has_one_writer(topic: Topic) -> None:
    assert topic.written_by == ("ingest" if topic in LANES else "processors")
    assert bool(topic.also_written_by) == (topic == DEAD_LETTERS)


@each_topic
def test_a_topic_says_what_it_holds(topic: Topic) -> None:
    assert topic.holds
    assert set(topic.read_by) <= {
        "processors",
        "directory_view",
        "session_revoker",
        "audit_log",
        "dead_letters",
        "product",
    }


@each_topic
def test_names_are_hyphenated_plurals_and_public_ones_carry_a_version(topic: Topic) -> None:
    name = re.fullmatch(r"([a-z]+(?:-[a-z]+)*?)(-urgent)?(-v\d+)?", topic.name)
    assert name is not None
    assert name[1].endswith("s") or topic == STATE_CHANGELOG
    assert (name[3] is not None) == topic.public == ("product" in topic.read_by)


def test_lanes_are_kept_for_two_weeks_and_take_a_mebibyte() -> None:
    for lane in LANES:
        assert lane.config()["cleanup.policy"] == "delete"
        assert lane.config()["retention.ms"] == str(14 * DAY)
        assert int(lane.config()["max.message.bytes"]) <= MIB


def test_the_urgent_lane_comes_first() -> None:
    assert [lane.name for lane in LANES] == ["directory-changes-urgent", "directory-changes"]


@pytest.mark.parametrize("topic", [AUDIT_ENTRIES, SESSION_REVOCATIONS], ids=lambda t: t.name)
def test_audit_and_revocations_are_kept_for_35_days(topic: Topic) -> None:
    assert topic.config()["retention.ms"] == str(35 * DAY)


@each_topic
def test_outputs_hold_whatever_an_input_becomes(topic: Topic) -> None:
    if topic not in LANES:
        assert int(topic.config()["max.message.bytes"]) == 4 * MIB


@each_topic
def test_the_brokers_clock_stamps_messages(topic: Topic) -> None:
    assert topic.config()["message.timestamp.type"] == "LogAppendTime"


def test_only_the_changelog_is_compacted_and_soon() -> None:
    assert [topic for topic in TOPICS if topic.compacted] == [STATE_CHANGELOG]
    config = STATE_CHANGELOG.config()
    assert config["cleanup.policy"] == "compact"
    assert config["segment.bytes"] == str(32 * MIB)
    assert config["max.compaction.lag.ms"] == str(DAY // 24)
    assert config["delete.retention.ms"] == str(7 * DAY)
    assert "retention.ms" not in config


def test_the_codec_carries_a_union_for_each_topic_but_the_changelog() -> None:
    assert set(codec.BODIES) == {topic.name for topic in TOPICS} - {STATE_CHANGELOG.name}


def test_each_kind_of_output_belongs_on_one_topic() -> None:
    carried = Counter(
        kind
        for name, union in codec.BODIES.items()
        if name not in {lane.name for lane in LANES}
        for kind in typing.get_args(union) or (union,)
    )
    assert set(carried) == codec.output_types()
    assert set(carried.values()) == {1}
    assert codec.BODIES[LANES[0].name] is codec.BODIES[LANES[1].name]


@each_topic
def test_a_name_on_the_broker_leads_back_to_its_topic(topic: Topic) -> None:
    settings = Settings(installation="acme", topic_prefix="eu.")
    name = settings.topic(topic.name)
    assert settings.logical_topic(name) == topic.name
    if topic == STATE_CHANGELOG:
        assert name == "acme-processors-state-changelog", "Faust names it after its application"
    else:
        assert name == f"eu.{topic.name}"
