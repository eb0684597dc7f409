"""What the broker says of all logs at once: whose they are, and where they end."""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    OffsetSpec,
)

from schemas import kafka
from schemas.positions import Installation
from schemas.settings import Settings

Place = tuple[str, int]
"""A topic, as the broker names it, and a partition."""

_ANSWER_SECONDS: Final = 10.0
"""How long the broker may take to answer one question."""


class Broker:
    """Asks about the topics of an installation."""

    def __init__(self, settings: Settings, installation: Installation) -> None:
        self._settings = settings
        self._installation = installation
        self._admin: AdminClient | None = None

    def _ask(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient({**kafka.admin(self._settings)})
        return self._admin

    def forget(self) -> None:
        """Ask with a new client from now on.

        One that knew a partition's leader before a crash goes on to name the leader's epoch of
        then, and is refused for minutes (seen with confluent-kafka 2.16).
        """
        self._admin = None

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """Where these logs end; without those whose leader is not known just now.

        Raises:
            KafkaException: it does not answer.
        """
        newest: Any = OffsetSpec
        latest = {TopicPartition(*place): newest.latest() for place in places}
        answers = self._ask().list_offsets(latest, request_timeout=_ANSWER_SECONDS)
        if any(answer.exception() is not None for answer in answers.values()):
            self.forget()
        return {
            (place.topic, place.partition): answer.result().offset
            for place, answer in answers.items()
            if answer.exception() is None
        }

    def foreign(self) -> str | None:
        """The first topic that is not as in the installation, in a sentence.

        Raises:
            KafkaException: it does not answer.
        """
        names = TopicCollection(sorted(self._installation.topic_ids))
        topics = self._ask().describe_topics(names, request_timeout=_ANSWER_SECONDS)
        sentences = (self._difference(name, topic) for name, topic in topics.items())
        return next((each for each in sentences if each is not None), None)

    def _difference(self, name: str, answer: "Future[Any]") -> str | None:
        try:
            topic = answer.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return f"The topic {name} is gone while we run: restore Kafka."
            raise
        ours = self._installation
        # The in-memory broker may have no ids.
        if (topic_id := str(topic.topic_id or "")) != ours.topic_ids[name]:
            return (
                f"The topic {name} was made anew while we run (its id is {topic_id}, this"
                f" installation's is {ours.topic_ids[name]}): restore the right one, or begin a"
                " new installation."
            )
        if (count := len(topic.partitions)) != ours.partitions:
            return (
                f"The topic {name} has {count} partitions now, but this installation has"
                f" {ours.partitions} for life: begin a new installation with new topics."
            )
        return None
