"""The note of an installation in Postgres, held against a real Kafka."""

from collections.abc import Iterator

import pytest

from deploy import installation
from deploy.errors import InstallationError
from deploy.local.stack import Stack
from schemas.settings import Settings
from schemas.topics import TOPICS
from tests.deploy.broker import Broker
from tests.harness import PARTITIONS, World, new_world, with_database


@pytest.fixture(scope="module")
def made(stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose topics and note stay as they are."""
    with new_world(stack, template, tmp_path_factory.mktemp("made")) as own:
        yield own


def other(world: World, **changes: object) -> Settings:
    return world.settings.model_copy(update=changes)


def test_every_topic_is_made_as_the_table_says(made: World, broker: Broker) -> None:
    found = broker.partitions()
    for topic in TOPICS:
        name = made.settings.topic(topic.name)
        assert found[name] == PARTITIONS
        assert broker.configs(name).items() >= topic.config().items()


def test_what_was_noted_is_loaded(made: World) -> None:
    assert installation.load(made.settings) == made.installation


def test_making_the_topics_again_changes_nothing(made: World) -> None:
    assert installation.create_topics(made.settings, PARTITIONS) == made.installation


def test_the_number_of_partitions_stays_for_life(made: World) -> None:
    with pytest.raises(InstallationError, match="say --partitions 4"):
        installation.create_topics(made.settings, 12)


def test_what_is_missing_is_said_in_one_sentence(made: World, stack: Stack) -> None:
    with pytest.raises(InstallationError, match="run `rollcall topics create`"):
        installation.load(other(made, installation="unknown"))
    empty = with_database(stack.database, "postgres")
    with pytest.raises(InstallationError, match="run `rollcall db upgrade`"):
        installation.load(other(made, database_url=empty))


def test_a_topic_that_has_another_number_of_partitions_is_refused(
    made: World, broker: Broker
) -> None:
    prefix = f"of-{made.settings.installation}-"
    stranger = other(made, installation="stranger", topic_prefix=prefix)
    topic = stranger.topic("directory-changes")
    broker.create(topic, PARTITIONS + 1)
    with pytest.raises(InstallationError, match="has 5 partitions, but this installation has 4"):
        installation.create_topics(stranger, PARTITIONS)
    assert [name for name in broker.partitions() if name.startswith(prefix)] == [topic]
    broker.delete(topic)


def test_a_topic_with_other_settings_is_refused(world: World, broker: Broker) -> None:
    topic = world.settings.topic("audit-entries")
    broker.set_config(topic, "retention.ms", "1000")
    with pytest.raises(InstallationError, match=f"{topic} has .*kafka-configs.sh --alter"):
        installation.create_topics(world.settings, PARTITIONS)


ACCEPT = "`rollcall positions accept`"
BEGIN_ANEW = "begin a new installation with a new database"


def test_a_topic_that_was_deleted_is_made_anew_and_refused_until_that_is_accepted(
    world: World, broker: Broker
) -> None:
    topic = world.settings.topic("audit-entries")
    broker.delete(topic)
    missing = f"Kafka has no topic {topic} any more; .*`rollcall topics create`.*{ACCEPT}"
    with pytest.raises(InstallationError, match=missing):
        installation.load(world.settings)
    anew = f"{topic} was made anew .*{ACCEPT}"
    with pytest.raises(InstallationError, match=anew):
        installation.create_topics(world.settings, PARTITIONS)
    assert broker.partitions()[topic] == PARTITIONS
    with pytest.raises(InstallationError, match=anew):
        installation.load(world.settings)


def test_a_topic_that_got_more_partitions_is_refused(world: World, broker: Broker) -> None:
    topic = world.settings.topic("directory-changes")
    broker.add_partitions(topic, PARTITIONS + 1)
    more = f"{topic} has 5 partitions, but this installation has 4 .*delete it, .*{ACCEPT}"
    for refused in (installation.load, lambda s: installation.create_topics(s, PARTITIONS)):
        with pytest.raises(InstallationError, match=more):
            refused(world.settings)


def test_a_topic_that_is_new_in_this_version_is_made_and_noted(
    world: World, broker: Broker
) -> None:
    topic = world.settings.topic("dead-letters")
    world.rows("UPDATE installation SET topic_ids = topic_ids - %s RETURNING name", topic)
    broker.delete(topic)
    with pytest.raises(InstallationError, match=f"no topic {topic}, which is new: run"):
        installation.load(world.settings)
    made = installation.create_topics(world.settings, PARTITIONS)
    assert installation.load(world.settings) == made
    assert made.topic_ids[topic] != world.installation.topic_ids[topic]


def test_a_state_changelog_that_is_gone_ends_the_installation(world: World, broker: Broker) -> None:
    topic = world.settings.topic("state-changelog")
    broker.delete(topic)
    for refused in (installation.load, lambda s: installation.create_topics(s, PARTITIONS)):
        with pytest.raises(InstallationError, match=f"no topic {topic} any more; .*{BEGIN_ANEW}"):
            refused(world.settings)
    broker.create(topic, PARTITIONS)
    with pytest.raises(InstallationError, match=f"{topic} was made anew .*{BEGIN_ANEW}") as said:
        installation.load(world.settings)
    assert ACCEPT not in str(said.value)


def test_another_cluster_is_refused(world: World) -> None:
    world.rows("UPDATE installation SET cluster_id = 'elsewhere' RETURNING name")
    elsewhere = f"lives in elsewhere: correct ROLLCALL_KAFKA .*wiped, restore Kafka.*{BEGIN_ANEW}"
    with pytest.raises(InstallationError, match=elsewhere):
        installation.load(world.settings)
