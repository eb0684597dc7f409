"""What an operator can do to topics behind our back."""

from collections.abc import Mapping

from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)

from tests.waiting import eventually


class Broker:
    """The Kafka of the test run; every method returns when it is so."""

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

    def create(self, topic: str, partitions: int, config: Mapping[str, str] | None = None) -> None:
        self._admin.create_topics([NewTopic(topic, partitions, config=dict(config or {}))])[
            topic
        ].result()
        eventually(lambda: topic in self.partitions(), 10)

    def add_partitions(self, topic: str, total: int) -> None:
        self._admin.create_partitions([NewPartitions(topic, total)])[topic].result()
        eventually(lambda: self.partitions()[topic] == total, 10)

    def delete(self, topic: str) -> None:
        self._admin.delete_topics([topic])[topic].result()
        eventually(lambda: topic not in self.partitions(), 10)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        (answer,) = self._admin.delete_records([TopicPartition(topic, partition, before)]).values()
        answer.result()
