"""The installation that is examined: what several checks ask of it, with a limit on each answer."""

from contextlib import ExitStack
from functools import cached_property
from typing import Final

import httpx2
import psycopg
from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    ClusterMetadata,
    ConfigResource,
    ConsumerGroupDescription,
    ResourceType,
)
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deploy.hearing import Hearing
from schemas import kafka
from schemas.settings import Settings
from schemas.topics import TOPICS, Topic

ANSWER_SECONDS: Final = 5.0
"""How long Kafka, Postgres or the gateway may take to answer one question."""

_NO_GROUP: Final = frozenset(
    {
        KafkaError.GROUP_ID_NOT_FOUND,
        KafkaError.NOT_COORDINATOR,  # nobody has ever joined any group of this Kafka
        KafkaError.COORDINATOR_NOT_AVAILABLE,
    }
)

Configs = dict[str, str | None]


class Patient:
    """Asks Kafka and the gateway; opens nothing before the first question.

    What Kafka does not answer raises KafkaException.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = _impatient(settings)
        self.away: set[str] = set()
        """Names of the checks that could not be made."""
        self._opened = ExitStack()
        self._hearing = Hearing()

    def close(self) -> None:
        """Leave all."""
        self._opened.close()

    @cached_property
    def admin(self) -> AdminClient:
        """Kafka, as its administrator sees it; what it says ends up in findings, not in a log."""
        config = self._hearing.of(kafka.examiner(self.settings))
        return self._opened.enter_context(AdminClient(config))

    @cached_property
    def cluster(self) -> ClusterMetadata:
        """Kafka's brokers and topics.

        Raises:
            InstallationError: it does not answer; the text says why.
        """
        try:
            return self.admin.list_topics(timeout=ANSWER_SECONDS)
        except KafkaException as error:
            self.admin.poll(0)  # its reasons come then
            raise self._hearing.unanswered(error) from error

    @property
    def topics(self) -> dict[str, Topic]:
        """Our topics that are there, by their names on the broker."""
        ours = {self.settings.topic(topic.name): topic for topic in TOPICS}
        return {name: topic for name, topic in ours.items() if name in self.cluster.topics}

    @property
    def leaderless(self) -> list[str]:
        """Partitions of our topics that no broker leads, as `topic[partition]`."""
        return [
            f"{name}[{partition.id}]"
            for name in self.topics
            for partition in self.cluster.topics[name].partitions.values()
            if partition.leader < 0
        ]

    @cached_property
    def configs(self) -> dict[str, Configs]:
        """The settings of our topics that are there, those of the broker included."""
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in self.topics]
        if not resources:
            return {}
        answers = self.admin.describe_configs(resources, request_timeout=ANSWER_SECONDS)
        return {
            resource.name: {key: entry.value for key, entry in answer.result().items()}
            for resource, answer in answers.items()
        }

    @cached_property
    def tells_of_groups(self) -> bool:
        """Whether Kafka knows who is in a group: the in-memory broker says "empty" of any."""
        found = self.group(f"{self.settings.installation}-that-nobody-joins")
        return found is None or found.state != ConsumerGroupState.EMPTY

    def group(self, name: str) -> ConsumerGroupDescription | None:
        """A consumer group and its members; None where Kafka has never heard of it."""
        asked = self.admin.describe_consumer_groups([name], request_timeout=ANSWER_SECONDS)
        try:
            found: ConsumerGroupDescription = asked[name].result()
        except KafkaException as error:
            if error.args[0].code() not in _NO_GROUP:
                raise
            return None
        return found

    @cached_property
    def http(self) -> httpx2.Client:
        """The gateway; each call raises httpx2.TransportError if it does not answer."""
        client = httpx2.Client(base_url=self.settings.url, timeout=ANSWER_SECONDS)
        return self._opened.enter_context(client)


def _impatient(settings: Settings) -> Settings:
    """The same settings, with a limit on each statement in Postgres."""
    try:
        given = conninfo_to_dict(settings.database_url or "").get("options") or ""
        limit = f"-c statement_timeout={ANSWER_SECONDS * 1000:.0f}"
        url = make_conninfo(
            settings.database_url or "",
            options=f"{given} {limit}".strip(),
            tcp_user_timeout=int(ANSWER_SECONDS * 1000),
        )
    except psycopg.ProgrammingError:
        return settings  # whoever connects says what is wrong with it
    return settings.model_copy(update={"database_url": settings.database_url and url})
