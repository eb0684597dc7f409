"""`/livez`, `/readyz` and `/metrics` of one process, on a port that no door shares.

They are answered by threads of their own, so also while the process has all hands full.  Nothing
here is about a tenant, and nothing here is meant for the internet.
"""

import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from socketserver import ThreadingTCPServer
from threading import Semaphore, Thread
from typing import Any, Final, NamedTuple

import structlog
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from typing_extensions import override

from schemas import metrics
from schemas.health import Health
from schemas.settings import Settings, SettingsError

PORTS: Final[Mapping[str, int]] = {"gateway": 9401, "processors": 9402, "sinks": 9403}
"""By stage, where ROLLCALL_HEALTH_PORT is not set."""

READ_SECONDS: Final = 5.0
"""How long a client may take to send its request."""

ASKING: Final = 16
"""Clients that are answered at once; what comes beside them is hung up on."""

_HEAD: Final = 64 << 10  # bytes of a request at most

_STOP_POLL_SECONDS: Final = 0.2
_JSON: Final = "application/json"
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to call, not to bind

log = structlog.get_logger(__name__)


@contextmanager
def served(settings: Settings, stage: str) -> Iterator[Health]:
    """Answer for this process from now on; give what its stage is to be handed.

    Until the stage knows more, `/readyz` says that the process is starting.

    Raises:
        SettingsError: the address cannot be had.
    """
    health = Health()
    with _listening(settings, stage, health) as server:
        # The same question for both, so /metrics never says other than /readyz.
        metrics.READY.set_function(lambda: float(why_not_ready(health) is None))
        thread = Thread(
            target=server.serve_forever, args=(_STOP_POLL_SECONDS,), name="health", daemon=True
        )
        thread.start()
        url = url_of(settings.health_host, server.server_address[1])
        log.info("health and metrics are served", url=url)
        try:
            yield health
        finally:
            server.shutdown()


def why_not_ready(health: Health) -> str | None:
    """Ask the stage; one that cannot say is not ready."""
    try:
        return health.why_not_ready()
    except Exception as error:  # noqa: BLE001 - whatever it is, the prober needs an answer
        return f"The process could not find out whether it is ready ({type(error).__name__})."


def url_of(host: str, port: int) -> str:
    """The URL under which this machine reaches what listens there."""
    named = _EVERYWHERE.get(host, host)
    return f"http://[{named}]:{port}" if ":" in named else f"http://{named}:{port}"


def family_of(host: str) -> socket.AddressFamily:
    """IPv6 for an address with a colon, else IPv4."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes


class _Server(ThreadingTCPServer):
    """Not `HTTPServer`: that asks the name service for its own name before it listens."""

    allow_reuse_address = True  # a process that is started again has its port at once
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, health: Health) -> None:
        self.address_family = family_of(host)
        self.health = health
        self._free = Semaphore(ASKING)
        super().__init__((host, port), _Request)

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    @override
    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):  # those who ask may go away
            log.error("a question about health was not answered", exc_info=error)


class _Request(BaseHTTPRequestHandler):
    """One question; its head is bounded in size and time, and no body is read."""

    server: _Server
    server_version, sys_version = "rollcall", ""  # which Python it is concerns nobody
    error_content_type = _JSON
    error_message_format = '{"status":"refused","why":"%(code)d %(message)s"}'

    def do_GET(self) -> None:
        self.wfile.write(self._head().body)

    def do_HEAD(self) -> None:
        self._head()

    @override
    def setup(self) -> None:
        super().setup()
        # All of it before anything is made of it: a limit for each read would let a client that
        # sends a byte now and then stay for ever.
        self.rfile = BytesIO(self._received(time.monotonic() + READ_SECONDS))
        self.connection.settimeout(READ_SECONDS)

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass  # probes come every few seconds

    def _received(self, deadline: float) -> bytes:
        head = bytearray()
        while b"\r\n\r\n" not in head and len(head) < _HEAD:
            self.connection.settimeout(max(0.001, deadline - time.monotonic()))
            if not (piece := self.connection.recv(4096)):
                break
            head += piece
        return bytes(head)

    def _head(self) -> _Answer:
        answer = self._answer()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        return answer

    def _answer(self) -> _Answer:
        match self.path.partition("?")[0]:
            case "/livez":
                return _told(200, "live")
            case "/readyz":
                why = why_not_ready(self.server.health)
                return _told(200, "ready") if why is None else _told(503, "not ready", why)
            case "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                return _Answer(200, content_type, encode(REGISTRY))
            case _:
                return _told(404, "not found", "This port answers /livez, /readyz and /metrics.")


def _told(status: int, word: str, why: str | None = None) -> _Answer:
    told = {"status": word} if why is None else {"status": word, "why": why}
    return _Answer(status, _JSON, json.dumps(told, separators=(",", ":")).encode())


def _listening(settings: Settings, stage: str, health: Health) -> _Server:
    host, port = settings.health_host, settings.health_port
    port = PORTS[stage] if port is None else port
    try:
        return _Server(host, port, health)
    except OSError as error:
        raise SettingsError(
            f"Health and metrics cannot be served on {host} port {port} ({error.strerror}): set"
            " ROLLCALL_HEALTH_HOST and ROLLCALL_HEALTH_PORT to an address that is free."
        ) from error
