"""Settings of every Kafka client, once.  The reason stands beside each that is not the default."""

from pathlib import Path

from schemas import limits
from schemas.settings import Settings

ClientConfig = dict[str, str | int | bool]


def gateway_producer(settings: Settings) -> ClientConfig:
    """The gateway's producer: a delivery report means durable (DESIGN §5.8)."""
    return _common(settings, "gateway") | {
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": limits.DELIVERY_SECONDS * 1000,
        "linger.ms": 2,  # a burst shares requests; nobody feels 2 ms
        "message.max.bytes": limits.INPUT_MESSAGE,
    }


def transaction_producer(settings: Settings, partition: int) -> ClientConfig:
    """A partition owner's producer.

    Its transactional id fences every former owner (DESIGN §5.2).
    """
    return _common(settings, f"processors-{partition}") | {
        "transactional.id": settings.transactional_id(partition),
        "transaction.timeout.ms": limits.TRANSACTION_SECONDS * 1000,
        "message.max.bytes": limits.OUTPUT_MESSAGE,
        "linger.ms": 0,  # a step flushes at once
        "retry.backoff.ms": 2,  # the first produce to a partition waits for its registration
        "log_level": 2,  # its errors are raised; that it tries again it says five times a second
    }


def end_record_producer(settings: Settings) -> ClientConfig:
    """Writes the one plain record that ends a changelog in data (faust-facts 9)."""
    return _common(settings, "processors-end") | {
        "enable.idempotence": True,
        "message.timeout.ms": limits.SESSION_SECONDS * 1000 // 2,
        "log_level": 2,  # as above
    }


def sink_consumer(settings: Settings, sink: str) -> ClientConfig:
    """A sink's consumer.

    Committed messages only, positions from Postgres, a static member id (DESIGN §5.7).
    """
    return _common(settings, sink) | {
        "group.id": settings.sink_group(sink),
        "group.instance.id": f"{settings.sink_group(sink)}-{settings.instance}",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",  # consumers never reset by themselves (DESIGN §5.4)
        "session.timeout.ms": limits.SESSION_SECONDS * 1000,
        "heartbeat.interval.ms": limits.SESSION_SECONDS * 1000 // 4,
        "fetch.wait.max.ms": 50,  # idle partitions must not hold up a busy one
        "fetch.message.max.bytes": limits.OUTPUT_MESSAGE,
        "enable.partition.eof": True,  # tells where markers of transactions end the log
    }


def peek_consumer(settings: Settings) -> ClientConfig:
    """Reads single messages to compare them with a position; joins no group."""
    return _common(settings, "peek") | {
        "group.id": f"{settings.installation}-peek",  # required by the client, never joined
        "enable.auto.commit": False,
        "isolation.level": "read_uncommitted",  # a position may name a message of any kind
        "auto.offset.reset": "error",
        "enable.partition.eof": True,  # where only a transaction's marker stands, no message comes
        "fetch.wait.max.ms": 10,  # what is not there yet is not waited for
        "log_level": 2,  # who asks hears of it; else it would say 20 times a second that it tries
    }


def admin(settings: Settings) -> ClientConfig:
    """The admin client of `rollcall topics` and of start-up checks."""
    return _common(settings, "admin") | {
        "log_level": 3,  # its farewell warns of events that nobody waits for
    }


def examiner(settings: Settings) -> ClientConfig:
    """The admin client of `rollcall doctor`, which asks once and waits a few seconds."""
    return admin(settings) | {
        # Told of a broker where nobody listens, a client leaves the address that it was given and
        # comes back to it between two attempts: with longer pauses it may not get to ask in time.
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 50,
    }


def _common(settings: Settings, name: str) -> ClientConfig:
    return connection(settings) | {"client.id": f"{settings.installation}-{name}"}


def connection(settings: Settings) -> ClientConfig:
    """Where Kafka is, how it is known to be the right one, and how we prove who we are."""
    secured: dict[str, str | Path | None] = {
        "ssl.ca.location": settings.kafka_ca,
        "ssl.certificate.location": settings.kafka_certificate,
        "ssl.key.location": settings.kafka_key,
    }
    if settings.kafka_security.startswith("sasl"):
        secured |= {
            "sasl.mechanism": settings.kafka_mechanism,
            "sasl.username": settings.kafka_user,
            "sasl.password": settings.kafka_password,
        }
    return {
        "bootstrap.servers": settings.require_kafka(),
        "security.protocol": settings.kafka_security,
        **{name: str(value) for name, value in secured.items() if value is not None},
    }
