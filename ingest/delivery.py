"""One librdkafka producer, and the thread that serves its delivery reports."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from threading import Thread

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.envelope import Headers
from schemas.kafka import ClientConfig

Report = asyncio.Future[KafkaError | None]
"""Done when the broker has confirmed (None), or when librdkafka has given up (why)."""

_POLL_SECONDS = 0.1
_METADATA_SECONDS = 5.0


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way."""

    topic: str
    """Its name on the broker."""
    partition: int
    key: bytes | None
    value: bytes
    headers: Headers


class Delivery:
    """Sends messages and reports on each; after a fatal error it sends nothing more."""

    def __init__(
        self,
        config: ClientConfig,
        loop: asyncio.AbstractEventLoop,
        on_fatal: Callable[["Delivery", KafkaError], None],
    ) -> None:
        """Start the producer and its thread.

        Args:
            config: of the producer.
            loop: reports and `on_fatal` arrive there.
            on_fatal: called, perhaps more than once, when the producer cannot go on.
        """
        self._loop = loop
        self._on_fatal = on_fatal
        self._retired = False
        self._reports: list[tuple[Report, KafkaError | None]] = []
        logger = logging.getLogger("rollcall.kafka")
        self._producer = Producer({**config, "error_cb": self._failed}, logger=logger)
        self._thread = Thread(target=self._serve, name="delivery-reports", daemon=True)
        self._thread.start()

    def send(self, message: Outgoing, report: Report) -> bool:
        """Queue a message; False if the queue is full.

        Raises:
            KafkaException: it was not queued, and will not be.
        """

        def reported(error: KafkaError | None, _: object) -> None:
            self._reports.append((report, error))
            if error is not None and error.fatal():
                self._failed(error)

        try:
            self._producer.produce(
                message.topic,
                message.value,
                message.key,
                message.partition,
                on_delivery=reported,
                headers=list(message.headers),
            )
        except BufferError:
            return False
        return True

    def reaches_the_broker(self) -> bool:
        """Whether the broker answers within five seconds; blocks until then."""
        try:
            self._producer.list_topics(timeout=_METADATA_SECONDS)
        except KafkaException:
            return False
        return True

    def retire(self) -> None:
        """End the thread once every message has its report; librdkafka gives each one in time."""
        self._retired = True

    def wait(self, seconds: float) -> None:
        """Block until the thread has ended, or for that long."""
        self._thread.join(seconds)

    def _serve(self) -> None:
        while not self._retired or len(self._producer):
            self._producer.poll(_POLL_SECONDS)
            # Those of one poll together: waking the event loop costs more than a report does.
            if self._reports:
                reports, self._reports = self._reports, []
                self._tell(_resolve, reports)

    def _failed(self, error: KafkaError) -> None:
        if error.fatal():
            self._tell(self._on_fatal, self, error)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)


def _resolve(reports: Iterable[tuple[Report, KafkaError | None]]) -> None:
    for report, error in reports:
        if not report.done():  # its request may have been cancelled
            report.set_result(error)
