"""Asks Kafka about itself and our topics, and makes those that are missing."""

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
    TopicDescription,
)

from deploy.errors import InstallationError
from deploy.hearing import Hearing
from schemas import kafka
from schemas.settings import Settings
from schemas.topics import TOPICS, Topic

ANSWER_SECONDS: Final = 15.0
"""How long Kafka may take to answer one question, or to make the topics."""

_POLL_SECONDS: Final = 0.02


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What Kafka says about itself and those of our topics that exist."""

    cluster_id: str
    partitions: dict[str, int]
    """By the topic's name on the broker, as below."""
    topic_ids: dict[str, str]


class Cluster:
    """The Kafka of ROLLCALL_KAFKA.

    Every method raises InstallationError when it does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._hearing = Hearing()
        with asked():  # it reads the files of certificates
            self._admin = AdminClient(self._hearing.of(kafka.admin(settings)))
        self._topics: dict[str, Topic] = {settings.topic(topic.name): topic for topic in TOPICS}

    def close(self) -> None:
        """Leave Kafka."""
        self._admin.__exit__(None, None, None)

    def describe(self) -> Found:
        """Say what is there."""
        with self._heard():
            cluster = self._admin.describe_cluster(request_timeout=ANSWER_SECONDS).result()
            names = TopicCollection(sorted(self._topics))
            answers = self._admin.describe_topics(names, request_timeout=ANSWER_SECONDS)
            topics = [topic for topic in map(_described, answers.values()) if topic is not None]
        return Found(
            # The in-memory broker may have neither id; what it says is taken as it is.
            cluster_id=cluster.cluster_id or "",
            partitions={topic.name: len(topic.partitions) for topic in topics},
            topic_ids={topic.name: str(topic.topic_id or "") for topic in topics},
        )

    def create(self, names: Iterable[str], partitions: int) -> None:
        """Make topics, and return when they are there.

        How many copies they have is the cluster's default.

        Raises:
            InstallationError: Kafka refuses one, or it is not there within 15 s.
        """
        new = [
            NewTopic(name, num_partitions=partitions, config=self._topics[name].config())
            for name in names
        ]
        if not new:
            return
        self._create(new)
        # The controller has made them; the broker that is asked next may not know them yet.
        deadline = time.monotonic() + ANSWER_SECONDS
        while missing := {topic.topic for topic in new} - self.describe().partitions.keys():
            if time.monotonic() > deadline:
                raise InstallationError(
                    f"Kafka did not show the new topics {', '.join(sorted(missing))} within"
                    f" {ANSWER_SECONDS:.0f} s: see to its log, and run `rollcall topics create`"
                    " again."
                )
            time.sleep(_POLL_SECONDS)

    def verify_configs(self) -> None:
        """Compare the topics' settings with `schemas.topics`.

        Raises:
            InstallationError: one has another value.
        """
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in self._topics]
        answers = self._admin.describe_configs(resources, request_timeout=ANSWER_SECONDS)
        for resource, answer in answers.items():
            with self._heard():
                found = {key: entry.value for key, entry in answer.result().items()}
            require_configs(resource.name, self._topics[resource.name].config(), found)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            self._admin.poll(0)
            raise self._hearing.unanswered(error) from error

    def _create(self, new: list[NewTopic]) -> None:
        answers = self._admin.create_topics(new, operation_timeout=ANSWER_SECONDS)
        for name, answer in answers.items():
            try:
                answer.result()
            except KafkaException as error:
                if _code(error) != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody was faster
                    raise InstallationError(
                        f"Kafka does not make the topic {name} ({error.args[0].str()}): see to"
                        " that, and run `rollcall topics create` again."
                    ) from error


@contextmanager
def asked() -> Iterator[None]:
    """Turn what Kafka's clients raise into a sentence.

    Raises:
        InstallationError: Kafka does not answer.
    """
    try:
        yield
    except KafkaException as error:
        raise Hearing().unanswered(error) from error


def require_configs(name: str, wanted: Mapping[str, str], found: Mapping[str, str | None]) -> None:
    """Compare a topic's settings.

    Raises:
        InstallationError: one has another value.
    """
    for key, value in wanted.items():
        # What a broker does not mention is not known to differ: the in-memory one knows little.
        if found.get(key, value) != value:
            raise InstallationError(
                f"The topic {name} has {key}={found[key]} instead of {value}: set it with"
                f" `kafka-configs.sh --alter --topic {name} --add-config {key}={value}`."
            )


def _described(answer: "Future[TopicDescription]") -> TopicDescription | None:
    try:
        return answer.result()
    except KafkaException as error:
        if _code(error) == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise


def _code(error: KafkaException) -> int:
    return int(error.args[0].code())
