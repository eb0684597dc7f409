"""The note of an installation in Postgres, held against a real Kafka."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
)

from deploy import installation
from deploy.errors import InstallationError
from deploy.local.stack import Stack
from schemas.settings import Settings
from schemas.topics import TOPICS
from tests.harness import PARTITIONS, World, new_world, with_database
from tests.waiting import eventually


class Broker:
    """What an operator can do to topics behind our back."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def partitions(self) -> dict[str, int]:
        return {name: len(t.partitions) for name, t in self._admin.list_topics().topics.items()}

    def configs(self, topic: str) -> dict[str, str | None]:
        (answer,) = self._admin.describe_configs([ConfigResource("topic", topic)]).values()
        return {key: entry.value for key, entry in answer.result().items()}

    def set_config(self, topic: str, key: str, value: str) -> None:
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource("topic", topic, incremental_configs=[entry])
        (answer,) = self._admin.incremental_alter_configs([resource]).values()
        answer.result()
        eventually(lambda: self.configs(topic)[key] == value, 10)

    def create(self, topic: str, partitions: int) -> None:
        self._admin.create_topics([NewTopic(topic, partitions)])[topic].result()
        eventually(lambda: topic in self.partitions(), 10)

    def delete(self, topic: str) -> None:
        self._admin.delete_topics([topic])[topic].result()
        eventually(lambda: topic not in self.partitions(), 10)


@pytest.fixture(scope="module")
def broker(stack: Stack) -> Iterator[Broker]:
    with AdminClient({"bootstrap.servers": stack.kafka}) as admin:
        yield Broker(admin)


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


def test_a_topic_that_was_made_anew_is_refused(world: World, broker: Broker) -> None:
    topic = world.settings.topic("audit-entries")
    broker.delete(topic)
    with pytest.raises(InstallationError, match=f"Kafka has no topic {topic}"):
        installation.load(world.settings)
    broker.create(topic, PARTITIONS)
    with pytest.raises(InstallationError, match=f"{topic} was made anew"):
        installation.load(world.settings)
    with pytest.raises(InstallationError, match=f"{topic} was made anew"):
        installation.create_topics(world.settings, PARTITIONS)


def test_another_cluster_is_refused(world: World) -> None:
    world.rows("UPDATE installation SET cluster_id = 'elsewhere' RETURNING name")
    with pytest.raises(InstallationError, match="lives in elsewhere: correct ROLLCALL_KAFKA"):
        installation.load(world.settings)
