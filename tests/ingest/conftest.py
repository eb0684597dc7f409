"""A gateway on the real Kafka and Postgres of a test's own world, served over HTTP."""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from deploy.local.stack import Stack
from ingest.gateway import Gateway
from ingest.server import Server
from schemas import kafka, read_models
from schemas.positions import Installation
from schemas.settings import Settings
from schemas.topics import Topic
from tests.clear import CLEAR
from tests.harness import PARTITIONS, World, new_database
from tests.ingest import events, rows
from tests.waiting import eventually

WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Door:
    """A gateway that serves."""

    settings: Settings
    installation: Installation
    gateway: Gateway
    server: Server
    http: httpx2.Client
    """Of the admin: it carries the token."""

    def post_event(self, event: events.Event, secret: str | None = None) -> httpx2.Response:
        """Post a webhook as WorkOS would."""
        body = events.body_of(event)
        key = secret or self.settings.workos_webhook_secrets[0]
        headers = {"WorkOS-Signature": events.signed(body, key)}
        return self.http.post("/api/webhooks/workos", content=body, headers=headers)

    def messages(self, topic: Topic) -> list[Message]:
        """All messages of a topic, as they stand there: what was confirmed is among them."""
        config = kafka.peek_consumer(self.settings)
        config |= {"enable.partition.eof": True, "fetch.wait.max.ms": 20}
        with closing(Consumer(config)) as consumer:
            name = self.settings.topic(topic.name)
            # Who assigns a topic of which the client knows nothing yet waits half a second for it.
            unread = set(consumer.list_topics(name, WAIT_SECONDS).topics[name].partitions)
            consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for number in unread])
            read = []
            while unread:
                message = consumer.poll(WAIT_SECONDS)
                assert message is not None, "Kafka sent nothing, not even the end"
                if (error := message.error()) is None:
                    read.append(message)
                    continue
                assert error.code() == KafkaError._PARTITION_EOF, error
                unread.discard(message.partition())
            return read

    def administer(self, statement: str) -> None:
        """Do something to Postgres that only its owner may."""
        url = self.settings.require_database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def write(self, *statements: tuple[str, dict[str, Any]]) -> None:
        """Write to Postgres as a sink would: all statements in one transaction."""
        url = self.settings.require_database()
        with psycopg.connect(url, options=f"-c role={read_models.SINK_ROLE}") as connection:
            for statement, values in statements:
                connection.execute(statement, values)


Opening = Callable[..., Door]


@pytest.fixture
def opened(stack: Stack, template: str) -> Iterator[Opening]:
    """Opens doors on one database and no topics; keywords are settings that differ."""
    name = f"ingest_{secrets.token_hex(5)}"
    with new_database(stack, name, template=template) as url, ExitStack() as closing_time:
        settings = Settings(
            kafka=stack.kafka,
            database_url=url,
            installation=name.replace("_", "-"),
            topic_prefix="nowhere.",
            admin_token=secrets.token_urlsafe(16),
            redaction_key=secrets.token_urlsafe(16),
            workos_webhook_secrets=("first-secret-of-the-door", "second-secret-of-the-door"),
            port=0,
        )
        made = Installation(cluster_id="", partitions=PARTITIONS, topic_ids={})

        def open_door(**changed: Any) -> Door:
            return closing_time.enter_context(serving(settings.model_copy(update=changed), made))

        yield open_door


@pytest.fixture
def door(opened: Opening) -> Door:
    """For what never reaches Kafka: a change that got there would be answered 503."""
    return opened()


@pytest.fixture
def kafka_door(world: World) -> Iterator[Door]:
    """A door with topics behind it, and a tenant acme that owns a directory."""
    with serving(world.settings, world.installation) as door:
        door.write(*rows.company("acme"), *rows.directory("acme", events.DIRECTORY))
        yield door


@contextmanager
def serving(settings: Settings, installation: Installation) -> Iterator[Door]:
    gateway = Gateway(settings, installation)
    ports: list[int] = []
    server = Server(gateway.app, settings, gateway.outcomes.until_ready, ports.append)
    thread = threading.Thread(target=server.serve_until_stopped, name="gateway")
    thread.start()
    try:
        eventually(lambda: ports, WAIT_SECONDS)
        url = f"http://{settings.host}:{ports[0]}"
        token = {"Authorization": f"Bearer {settings.require_admin_token()}"}
        with httpx2.Client(base_url=url, headers=token, timeout=WAIT_SECONDS, verify=CLEAR) as http:
            yield Door(settings, installation, gateway, server, http)
    finally:
        server.should_exit = True
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()
