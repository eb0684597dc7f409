"""A Kafka and a Postgres of a storm's own, that can be killed and frozen, and links to them."""

import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from deploy import database, installation
from deploy.local.class_path import kafka_class_path
from deploy.local.guard import Guard
from deploy.local.kafka import LocalKafka
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.postgres import LocalPostgres
from deploy.local.stack import Stack
from schemas.settings import Settings
from tests.harness import PARTITIONS, World, freeze
from tests.storm.fleet import Name
from tests.storm.proxy import Link, Proxy

FROZEN_SECONDS = 12.0
"""How long the broker is frozen: longer than every session."""

Server = Literal["kafka", "postgres"]
LinkName = tuple[Name, Server]


class Shelter:
    """The servers, and for each process of a storm a link of its own to either."""

    def __init__(
        self, kafka: LocalKafka, postgres: LocalPostgres, links: Mapping[LinkName, Link]
    ) -> None:
        self.links = links
        self._kafka, self._postgres = kafka, postgres

    def env_of(self, name: Name) -> dict[str, str]:
        """What leads a process over its own links."""
        kafka, postgres = self.links[name, "kafka"].port, self.links[name, "postgres"].port
        base = urlsplit(self._postgres.dsn).path
        return {
            "ROLLCALL_KAFKA": f"{LOOPBACK}:{kafka}",
            "ROLLCALL_DATABASE_URL": f"postgresql://postgres@{LOOPBACK}:{postgres}{base}",
            "PGAPPNAME": "-".join(name),  # tells whose a backend of Postgres is
        }

    def kill_the_broker(self) -> None:
        """SIGKILL, and a new start on the same data."""
        with self._refused("kafka"):
            self._kafka.kill()
            self._kafka.restart()

    def freeze_the_broker(self) -> None:
        """Past every session."""
        freeze(self._kafka.pid)
        time.sleep(FROZEN_SECONDS)  # what is tested is that nothing can be observed
        os.kill(self._kafka.pid, signal.SIGCONT)
        self._kafka.until_ready()

    def crash_postgres(self) -> None:
        """What `pg_ctl stop -m immediate` does, and a new start that replays the log."""
        with self._refused("postgres"):
            self._postgres.stop("immediate")
            self._postgres.restart()

    @contextmanager
    def _refused(self, server: Server) -> Iterator[None]:
        """Nobody listens, not even the links."""
        links = [link for (_, to), link in self.links.items() if to == server]
        for link in links:
            link.cut()
        yield
        for link in links:
            link.heal()


@contextmanager
def shelter(folder: Path, names: Sequence[Name]) -> Iterator[tuple[Shelter, World]]:
    """Servers, healthy links, and a world on them that comes over no link; all of it goes."""
    with Guard(folder) as guard, ExitStack() as parts:
        kafka = LocalKafka(folder / "kafka", kafka_class_path(print), guard, detours=len(names))
        postgres = LocalPostgres(folder / "postgres", guard)
        for server in (kafka, postgres):
            parts.callback(server.stop)
            server.start()
        proxy = parts.enter_context(closing(Proxy()))
        socket = Path(str(conninfo_to_dict(postgres.dsn)["host"])) / ".s.PGSQL.5432"
        links: dict[LinkName, Link] = {}
        for name, detour in zip(names, kafka.detours, strict=True):
            links[name, "kafka"] = proxy.link(detour.port, detour.advertised)
            links[name, "postgres"] = proxy.link(socket)
        world = parts.enter_context(closing(_world(kafka.address, postgres.dsn, folder)))
        yield Shelter(kafka, postgres, links), world


def _world(kafka: str, dsn: str, folder: Path) -> World:
    (port,) = free_ports(1)
    settings = Settings(
        kafka=kafka,
        database_url=dsn,
        admin_token=secrets.token_urlsafe(16),
        redaction_key=secrets.token_urlsafe(16),
        workos_webhook_secrets=(secrets.token_urlsafe(16),),
        url=f"http://{LOOPBACK}:{port}",
        port=port,
        state_folder=folder / "state",
    )
    database.upgrade(settings)
    stack = Stack(kafka, dsn, "apache-kafka", "postgres", folder, notes=())
    return World(stack, settings, installation.create_topics(settings, PARTITIONS), folder)
