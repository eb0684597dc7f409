"""Why Kafka does not answer: its clients tell it while they go on trying, and then time out."""

from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException

from deploy.errors import InstallationError
from schemas.kafka import ClientConfig

_FILES: Final = "ROLLCALL_KAFKA_CA, ROLLCALL_KAFKA_CERTIFICATE and ROLLCALL_KAFKA_KEY"
_ADVICE: Final = {
    KafkaError._SSL: f"correct {_FILES}, or let it show a certificate that they accept",  # noqa: SLF001
    KafkaError._INVALID_ARG: f"correct {_FILES}",  # noqa: SLF001
    KafkaError._AUTHENTICATION: (  # noqa: SLF001
        "correct ROLLCALL_KAFKA_USER, ROLLCALL_KAFKA_PASSWORD and ROLLCALL_KAFKA_MECHANISM"
    ),
}
"""What an operator can do, by librdkafka's own names of errors."""


class Hearing:
    """Hears what one client says of why it cannot reach Kafka."""

    def __init__(self) -> None:
        self._last: KafkaError | None = None

    def of(self, config: ClientConfig) -> dict[str, Any]:
        """The config of a client that tells it here, and not again and again in the log."""
        return {**config, "log_level": 0, "error_cb": self._hear}

    def why(self, end: KafkaError | None = None) -> str:
        """Why it does not answer, and what to do, without a full stop.

        Poll the client before: its reasons come then.

        Args:
            end: the error with which a question ended, where nothing was heard.
        """
        told = self._last or end
        reason = "nobody listens there" if told is None else told.str()
        advice = _ADVICE.get(told.code()) if told is not None else None
        start = "start it, or correct ROLLCALL_KAFKA or ROLLCALL_KAFKA_SECURITY and its like"
        return f"({reason}): {advice or start}"

    def unanswered(self, end: KafkaException) -> InstallationError:
        """The same in one sentence, for whoever asked the Kafka of ROLLCALL_KAFKA.

        Args:
            end: what the question ended with.
        """
        return InstallationError(
            f"Kafka at ROLLCALL_KAFKA does not answer {self.why(end.args[0])}."
        )

    def _hear(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            return
        # Of one reason it tells in several ways: what says most may not come last.
        if self._last is None or error.code() in _ADVICE or self._last.code() not in _ADVICE:
            self._last = error
