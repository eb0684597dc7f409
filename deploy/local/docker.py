"""Kafka and Postgres in containers of `testcontainers`, where a Docker daemon answers.

The images are those of docker-compose.yml.  Containers keep nothing, and they go also when this
process is killed: then testcontainers' own container ends them, as `deploy.local.guard` cannot.
"""

import gc
import secrets
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Final

from deploy.local.errors import StackError
from deploy.local.kafka import SETTINGS, answers, new_cluster_id, quiet_admin
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import MAX_CONNECTIONS, SAME_EVERYWHERE, accepts

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

PING_SECONDS: Final = 1
"""How long a daemon may take for each of two answers: its version, and the ping."""

READY_SECONDS: Final = 120.0
"""How long a container may take from its start to its first answer."""

KAFKA_IMAGE: Final = "apache/kafka:4.3.1"
POSTGRES_IMAGE: Final = "postgres:18.6"

_KAFKA_PORT, _POSTGRES_PORT = 9092, 5432
_POLL_SECONDS: Final = 0.1
_TAIL_LINES: Final = 5
_FILE, _GO = "/tmp/server.properties", "/tmp/go"  # noqa: S108 - in a container of our own

# A broker tells its clients where it is, and which port leads to it is known once it runs.
_BROKER: Final = f"""
until [ -e {_GO} ]; do sleep 0.1; done
cd /opt/kafka
bin/kafka-storage.sh format --cluster-id=$CLUSTER_ID --config {_FILE}
exec bin/kafka-server-start.sh {_FILE}
"""


class DockerError(StackError):
    """Docker does not give what was asked; the text is a part of a sentence."""


def daemon_answers() -> bool:
    """Whether Docker can be used: a client on PATH alone cannot start anything.

    False too where testcontainers is not installed, which only the extra `test` brings.
    """
    try:
        import docker  # type: ignore[import-untyped] # noqa: PLC0415 - may not be there
        import testcontainers.core  # noqa: F401, PLC0415
    except ImportError:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        there = _pings(docker)
        gc.collect()  # docker lets go, and does not close, the socket that it could not connect
    return there


def _pings(docker: ModuleType) -> bool:
    try:
        client = docker.from_env(timeout=PING_SECONDS)  # it is who reads DOCKER_HOST
    except Exception:  # noqa: BLE001 - whatever keeps it from answering, there are other ways
        return False
    try:
        return bool(client.ping())
    except Exception:  # noqa: BLE001 - as above
        return False
    finally:
        client.close()


class DockerKafka:
    """Apache Kafka, one node.  Same steps as `LocalKafka`; each raises DockerError."""

    address: str
    """Where clients connect: `host:port`; known once it is launched."""

    def __init__(self) -> None:
        self._container: DockerContainer | None = None

    def prepare(self) -> None:
        """Describe the container."""
        self._container = _container(KAFKA_IMAGE, _KAFKA_PORT)
        self._container.with_envs(CLUSTER_ID=new_cluster_id(), KAFKA_HEAP_OPTS="-Xmx512m")
        self._container.with_kwargs(entrypoint=["sh", "-ec", _BROKER])

    def launch(self) -> None:
        """Start it, and tell it where it is reached from here."""
        assert self._container is not None
        self.address = _started(self._container, _KAFKA_PORT)
        with _asked(f"its daemon puts no file into {KAFKA_IMAGE}"):
            for content, file in ((broker_settings(self.address), _FILE), ("", _GO)):
                self._container.copy_into_container(content.encode(), file)

    def until_ready(self) -> None:
        """Wait until it answers."""
        assert self._container is not None
        admin = quiet_admin(self.address)
        _until(lambda: answers(admin), self._container)

    def stop(self) -> None:
        """Remove the container."""
        _remove(self._container)


class DockerPostgres:
    """PostgreSQL 18.  Same steps as `LocalPostgres`; each raises DockerError."""

    dsn: str
    """Connection URL of the superuser, for libpq and psycopg; known once it is launched."""

    def __init__(self) -> None:
        self._container: DockerContainer | None = None
        self._password = secrets.token_urlsafe(16)  # unlike a socket, a port is open to all here

    def prepare(self) -> None:
        """Describe the container."""
        self._container = _container(POSTGRES_IMAGE, _POSTGRES_PORT)
        self._container.with_envs(
            POSTGRES_PASSWORD=self._password, POSTGRES_INITDB_ARGS=" ".join(SAME_EVERYWHERE)
        )
        self._container.with_command(["postgres", "-c", f"max_connections={MAX_CONNECTIONS}"])

    def launch(self) -> None:
        """Start it."""
        assert self._container is not None
        address = _started(self._container, _POSTGRES_PORT)
        self.dsn = f"postgresql://postgres:{self._password}@{address}/postgres"

    def until_ready(self) -> None:
        """Wait until it accepts a connection, by TCP: it does not while it makes its database."""
        assert self._container is not None
        _until(lambda: accepts(self.dsn), self._container)

    def stop(self) -> None:
        """Remove the container."""
        _remove(self._container)


def broker_settings(address: str) -> str:
    """`server.properties` of a broker in a container that clients reach at this address."""
    # The broker speaks to itself too, and inside of the container that address leads nowhere.
    inside = {"BROKER": "localhost:9094", "CONTROLLER": "localhost:9093"}
    listening = {"PLAINTEXT": f":{_KAFKA_PORT}", **inside}
    told = {"PLAINTEXT": address, "BROKER": inside["BROKER"]}
    here = {
        "listeners": ",".join(f"{name}://{at}" for name, at in listening.items()),
        "advertised.listeners": ",".join(f"{name}://{at}" for name, at in told.items()),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listening),
        "inter.broker.listener.name": "BROKER",
        "controller.quorum.voters": f"1@{inside['CONTROLLER']}",
        "log.dirs": "/tmp/data",  # noqa: S108 - in a container of our own
    }
    return SETTINGS.read_text() + "".join(f"{key}={value}\n" for key, value in here.items())


def _container(image: str, port: int) -> "DockerContainer":
    from testcontainers.core.config import ConnectionMode  # noqa: PLC0415 - may not be there
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - may not be there

    with _asked("its daemon answers no longer"):
        container = DockerContainer(image)
        client = container.get_docker_client()
        by_its_host = client.get_connection_mode() is ConnectionMode.docker_host
        here = by_its_host and client.host() in {"localhost", LOOPBACK}
    # The daemon chooses a free port.  Where it is on this machine, nobody else reaches it.
    free: tuple[str] | None = (LOOPBACK,) if here else None
    container.ports[f"{port}/tcp"] = free  # type: ignore[assignment] # it hands it on to docker
    return container


def _started(container: "DockerContainer", port: int) -> str:
    """Start a container, fetching its image if that is not here; return `host:port`."""
    with _asked(f"its daemon answers, but starts no {container.image}"):
        container.start()
        host, outside = container.get_container_host_ip(), container.get_exposed_port(port)
    return f"{LOOPBACK if host == 'localhost' else host}:{outside}"


def _until(ready: Callable[[], bool], container: "DockerContainer") -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        with _asked("its daemon answers no longer"):
            container.reload()
            if time.monotonic() > deadline or container.status not in {"created", "running"}:
                said = b"".join(container.get_logs()).decode(errors="replace").splitlines()
                end = " / ".join(said[-_TAIL_LINES:])
                raise DockerError(f"{container.image} does not become ready and says: {end}")
        time.sleep(_POLL_SECONDS)


def _remove(container: "DockerContainer | None") -> None:
    if container is not None:
        with suppress(Exception):  # what is left, testcontainers ends when this process is gone
            container.stop()


@contextmanager
def _asked(refusal: str) -> Iterator[None]:
    """Turn whatever docker and testcontainers raise into a DockerError that begins like this."""
    try:
        yield
    except DockerError:
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DockerError(f"{refusal} ({reason})") from error
