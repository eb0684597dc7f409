"""Puts changes on their lane, and says so only when they are safe there (DESIGN §5.8)."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from confluent_kafka import KafkaError, KafkaException
from msgspec import structs

from ingest.delivery import Delivery, Outgoing
from ingest.refusals import NotDurableError
from ingest.tracing import traceparent
from ingest.unassigned import UNASSIGNED, letter_of
from schemas import codec, kafka, limits, topics
from schemas.changes import AnyChange, AnyReportedChange, DropDeadLetter, Inbound, is_urgent
from schemas.envelope import Envelope
from schemas.letters import DeadLetterEvent
from schemas.partitions import partition_of
from schemas.positions import Installation
from schemas.settings import Settings
from schemas.topics import Topic

log = structlog.get_logger(__name__)

_REBUILD_SECONDS = 1.0  # between two attempts to reach the broker with a new producer
_ROOM_SECONDS = 0.02  # between two looks whether a full queue has room


class Publisher:
    """One idempotent producer, made anew when it fails for good."""

    def __init__(self, settings: Settings, installation: Installation) -> None:
        self._settings = settings
        self._partitions = installation.partitions
        self._delivery: Delivery | None = None
        self._rebuilding: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a producer that can send."""
        return self._delivery is not None

    def start(self) -> None:
        """Make the producer; called on the event loop that will publish."""
        self._delivery = self._open()

    async def close(self) -> None:
        """Wait until every message has its report."""
        if self._rebuilding is not None:
            self._rebuilding.cancel()
        if (delivery := self._delivery) is not None:
            self._delivery = None
            delivery.retire()
            await asyncio.to_thread(delivery.wait, limits.DELIVERY_SECONDS)

    def partition_of(self, tenant_id: str) -> int:
        """Where a tenant's changes stand."""
        return partition_of(tenant_id, self._partitions)

    async def publish(self, change: AnyChange, source: str, partition: int | None = None) -> None:
        """Write a change to its lane; returns when the broker has confirmed it.

        Args:
            change: of a tenant that is known, or the drop of any dead letter.
            source: the door that it came through.
            partition: where it must stand if not where its tenant lives.

        Raises:
            NotDurableError: the broker did not confirm it.  Raised after the report, never before,
                so that no answer is given while the change may be on its way.
        """
        assert change.tenant_id != UNASSIGNED or isinstance(change, DropDeadLetter)
        message = self._of_change(change, source)
        if partition is not None:
            message = structs.replace(message, partition=partition)
        await self.send([message])

    async def publish_all(self, changes: Iterable[Inbound], source: str) -> None:
        """Write changes of tenants that are known, or pages of them, in their order.

        Raises:
            NotDurableError: the broker did not confirm all of them.
        """
        await self.send([self._of_change(change, source) for change in changes])

    async def set_aside(self, changes: Iterable[AnyReportedChange], source: str) -> None:
        """Write changes of a directory that no tenant owns to the dead letters, in their order.

        Raises:
            NotDurableError: as for `publish`.
        """
        letters = [
            letter_of(each, _lane(each), codec.envelope_of_change(each, source)) for each in changes
        ]
        await self.report(letters, source)

    async def report(self, events: Iterable[DeadLetterEvent], source: str) -> None:
        """Write dead letters of the door, or what became of them.

        Raises:
            NotDurableError: the broker did not confirm all of them.
        """
        await self.send([self._of_event(event, source) for event in events])

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Write messages as they are, in their order; returns when the broker has confirmed all.

        Raises:
            NotDurableError: it did not confirm one; the others may stand there nevertheless.
        """
        reports = [await self._queue(message) for message in messages]
        errors = [error.name() for report in reports if (error := await report) is not None]
        if errors:
            log.warning("a change is not durable", topic=messages[0].topic, errors=set(errors))
            raise NotDurableError

    def _of_change(self, change: Inbound, source: str) -> Outgoing:
        envelope = codec.envelope_of_change(change, source)
        return self._message(_lane(change), change.tenant_id, codec.encode(change), envelope)

    def _of_event(self, event: DeadLetterEvent, source: str) -> Outgoing:
        envelope = structs.replace(codec.envelope_of_output(event), source=source)
        return self._message(topics.DEAD_LETTERS, event.tenant_id, codec.encode(event), envelope)

    def _message(self, topic: Topic, tenant_id: str, value: bytes, envelope: Envelope) -> Outgoing:
        return Outgoing(
            topic=self._settings.topic(topic.name),
            partition=self.partition_of(tenant_id),
            key=tenant_id.encode(),
            value=value,
            headers=structs.replace(envelope, traceparent=traceparent()).headers(),
        )

    async def _queue(self, message: Outgoing) -> asyncio.Future[KafkaError | None]:
        """Hand a message to the producer as soon as it has room, and return its report to come."""
        loop = asyncio.get_running_loop()
        report: asyncio.Future[KafkaError | None] = loop.create_future()
        deadline = loop.time() + limits.DELIVERY_SECONDS
        while (delivery := self._delivery) is not None and loop.time() < deadline:
            try:
                if delivery.send(message, report):
                    return report
            except KafkaException as refused:
                error: KafkaError = refused.args[0]
                log.error("a change is refused by the producer", error=error.name())  # noqa: TRY400 # its name says all
                if error.fatal():
                    self._lost(delivery, error)
                raise NotDurableError from None
            await asyncio.sleep(_ROOM_SECONDS)
        raise NotDurableError

    def _open(self) -> Delivery:
        config = kafka.gateway_producer(self._settings)
        return Delivery(config, asyncio.get_running_loop(), self._lost)

    def _lost(self, delivery: Delivery, error: KafkaError) -> None:
        if delivery is not self._delivery:
            return  # it is being replaced
        log.error("the producer failed for good and is made anew", error=error.name())
        self._delivery = None
        delivery.retire()
        self._rebuilding = asyncio.create_task(self._rebuild())

    async def _rebuild(self) -> None:
        fresh = self._open()
        try:
            while True:
                if await asyncio.to_thread(fresh.reaches_the_broker):
                    break
                await asyncio.sleep(_REBUILD_SECONDS)
        except asyncio.CancelledError:
            fresh.retire()
            raise
        self._delivery = fresh
        log.info("the producer is back")


def _lane(change: Inbound) -> Topic:
    return topics.URGENT if is_urgent(change) else topics.CHANGES
