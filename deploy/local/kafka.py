"""Real Apache Kafka on this machine: one KRaft node, on the loopback address."""

import base64
import shutil
import signal
import uuid
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

import deploy
from deploy.hearing import Hearing
from deploy.local.guard import Guard
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.server import Server
from schemas.kafka import ClientConfig

READY_SECONDS = 60.0
"""Long enough for a start after SIGKILL, when the controller first waits for the dead broker."""

SETTINGS = Path(deploy.__file__).with_name("kafka") / "server.properties"
"""What every local broker has; listeners and the data folder are added."""

_LOGGER = "-Dorg.slf4j.simpleLogger"
_JAVA = [
    "java",
    "-XX:+UseSerialGC",
    f"{_LOGGER}.defaultLogLevel=warn",
    f"{_LOGGER}.showDateTime=true",
    f"{_LOGGER}.dateTimeFormat=HH:mm:ss.SSS",
    f"{_LOGGER}.showThreadName=false",
]


class Detour(NamedTuple):
    """A further port of a broker, for clients that come through a proxy."""

    port: int
    """Where the broker listens."""
    advertised: int
    """Where it sends the clients that come in there: the proxy's port."""


class LocalKafka:
    """A broker with a port and a data folder that outlive its process.

    A start has three steps, so that several servers can take each step side by side.
    """

    address: str
    """Where clients connect: `host:port`."""
    detours: tuple[Detour, ...]
    """A client asks the broker where to go on, so each proxy before it needs a port of its own."""

    def __init__(self, folder: Path, class_path: str, guard: Guard, *, detours: int = 0) -> None:
        """Choose free ports.

        Args:
            folder: keeps data, settings and log; what an earlier run left there is served again.
            class_path: what `kafka_class_path` returned.
            guard: ends the broker if this process is killed.
            detours: how many proxies will stand before it.
        """
        self._folder = folder.absolute()  # the servers run in folders of their own
        self._class_path = class_path
        self._guard = guard
        port, self._controller_port, *others = free_ports(2 + 2 * detours)
        self.address = f"{LOOPBACK}:{port}"
        self.detours = tuple(map(Detour, others[:detours], others[detours:]))
        self._server: Server | None = None

    @property
    def kept(self) -> bool:
        """Whether the folder has the data of an earlier run."""
        return self._formatted.exists()

    @property
    def pid(self) -> int:
        """Process id of the broker, which must have been launched."""
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        """Do all three steps of a start.

        Raises:
            StackError: the broker does not start.
        """
        self.prepare()
        self.launch()
        self.until_ready()

    def prepare(self) -> None:
        """Write the settings and begin to format a new data folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        told = {"PLAINTEXT": self.address}
        listening = told | {"CONTROLLER": f"{LOOPBACK}:{self._controller_port}"}
        for number, detour in enumerate(self.detours):
            told[f"DETOUR{number}"] = f"{LOOPBACK}:{detour.advertised}"
            listening[f"DETOUR{number}"] = f"{LOOPBACK}:{detour.port}"
        here = {
            "listeners": ",".join(f"{name}://{at}" for name, at in listening.items()),
            "advertised.listeners": ",".join(f"{name}://{at}" for name, at in told.items()),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listening),
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
            "log.dirs": "data",  # below the process's own folder: a comma in a path would be two
        }
        lines = "".join(f"{key}={value}\n" for key, value in here.items())
        (self._folder / "server.properties").write_text(SETTINGS.read_text() + lines)
        if not self.kept:
            shutil.rmtree(self._folder / "data", ignore_errors=True)  # half formatted
            # One word: an id that begins with a dash would be taken for an option.
            options = [f"--cluster-id={new_cluster_id()}", "--config", "server.properties"]
            short_lived = "-XX:TieredStopAtLevel=1"  # does not compile what runs once
            self._server = self._java(short_lived, "kafka.tools.StorageTool", "format", *options)

    def launch(self) -> None:
        """Start the broker's process once its data folder is formatted.

        Raises:
            StackError: it could not be formatted.
        """
        if not self.kept:
            assert self._server is not None
            self._server.until_done()
            self._formatted.touch()
        self._server = self._java("-Xmx512m", "kafka.Kafka", "server.properties")

    def until_ready(self) -> None:
        """Wait until the broker answers a request.

        Raises:
            StackError: it ended, or did not answer within 60 s.
        """
        assert self._server is not None
        admin = quiet_admin(self.address)
        self._server.until(lambda: answers(admin), seconds=READY_SECONDS)

    def stop(self) -> None:
        """Stop the broker in order, and return when it has ended."""
        if self._server is not None:
            self._server.stop()

    def kill(self) -> None:
        """End the broker with SIGKILL, as a crash would."""
        assert self._server is not None
        self._server.kill()

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port with the same data.

        After `kill` this takes about 6 s: the controller waits for the dead broker's session.

        Raises:
            StackError: the broker does not start.
        """
        self.stop()
        self.launch()
        self.until_ready()

    @property
    def _formatted(self) -> Path:
        return self._folder / "formatted"

    def _java(self, *arguments: str) -> Server:
        return Server(
            "Apache Kafka",
            [*_JAVA, "-cp", self._class_path, *arguments],
            log=self._folder / "kafka.log",
            guard=self._guard,
            ending=signal.SIGTERM,
        )


def new_cluster_id() -> str:
    """Return an id as Kafka makes them."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def quiet_admin(address: str) -> AdminClient:
    """Return an admin client that does not print that nobody listens yet."""
    return AdminClient(
        {
            "bootstrap.servers": address,
            "log_level": 0,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 100,
        }
    )


def answers(admin: AdminClient, *, seconds: float = 0.5) -> bool:
    """Say whether the broker answers a metadata request within that many seconds."""
    try:
        admin.list_topics(timeout=seconds)
    except KafkaException:
        return False
    return True


def unanswered(config: ClientConfig, *, seconds: float) -> str | None:
    """Say why a Kafka does not answer, and what to do; None if it does.

    Args:
        config: where it is and how it is spoken to, as from `schemas.kafka.connection`.
        seconds: how long it may take.
    """
    hearing = Hearing()
    try:
        with AdminClient(hearing.of(config)) as admin:  # it reads the files of certificates
            if answers(admin, seconds=seconds):
                return None
            admin.poll(0)
    except KafkaException as error:
        return hearing.why(error.args[0])
    return hearing.why()
