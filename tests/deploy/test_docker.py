"""Whether Docker is used: the ping of a daemon decides.  No test but the last needs a real one."""

import json
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer, ThreadingUnixStreamServer
from threading import Thread

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from typing_extensions import override

from deploy.local.docker import daemon_answers
from deploy.local.errors import StackError
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.stack import running
from tests.harness import committed, until_readable
from tests.waiting import eventually

REFUSAL = "Docker is not used: its daemon answers, but starts no apache/kafka:4.3.1 ("
VERSION = {"Version": "29.0.0", "ApiVersion": "1.45", "MinAPIVersion": "1.24"}


class Daemon(ThreadingTCPServer):
    """Answers what is asked before anything is started, and refuses everything else."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, *, ping: bool = True) -> None:
        self.pings, self.asked = ping, list[str]()
        super().__init__((LOOPBACK, 0), Request)

    @property
    def url(self) -> str:
        return f"tcp://{LOOPBACK}:{self.server_address[1]}"


class SocketDaemon(ThreadingUnixStreamServer):
    """The same on a socket, where Docker is by default."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.pings, self.asked, self.url = True, list[str](), f"unix://{path}"
        super().__init__(str(path), Request)


class Request(BaseHTTPRequestHandler):
    server: Daemon | SocketDaemon

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path.endswith("/version"):
            self._answer(200, json.dumps(VERSION))
        elif self.path.endswith("/_ping") and self.server.pings:
            self._answer(200, "OK")
        else:
            self._answer(500, json.dumps({"message": "there is no room"}))

    def do_POST(self) -> None:
        self.do_GET()

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body != "OK" else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


@contextmanager
def served(daemon: Daemon | SocketDaemon, patch: pytest.MonkeyPatch) -> Iterator[None]:
    patch.setenv("DOCKER_HOST", daemon.url)
    with daemon:
        thread = Thread(target=daemon.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            daemon.shutdown()
            thread.join()


@pytest.fixture(name="path")
def only_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH: what is chosen after Docker is the in-memory broker."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_daemon_that_answers_its_ping_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for daemon in (Daemon(), SocketDaemon(tmp_path / "docker.sock")):
        with served(daemon, monkeypatch):
            assert daemon_answers()
        assert daemon.asked == ["/version", "/v1.45/_ping"]


def test_a_daemon_that_refuses_its_ping_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(Daemon(ping=False), monkeypatch):
        assert not daemon_answers()


def test_a_daemon_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://{LOOPBACK}:{silent.getsockname()[1]}")
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(daemon_answers)
            eventually(asking.done, 30)  # half of the minute that docker itself would wait
            assert not asking.result()


@pytest.mark.parametrize("missing", ["docker", "testcontainers.core"])
def test_without_testcontainers_nobody_is_asked(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Daemon()
    with served(daemon, monkeypatch):
        monkeypatch.setitem(sys.modules, missing, None)
        assert not daemon_answers()
    assert daemon.asked == []


@pytest.mark.usefixtures("path")
def test_a_daemon_that_starts_nothing_is_said_and_the_next_way_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    daemon = Daemon()
    with (
        served(daemon, monkeypatch),
        running(kafka=None, database=None, folder=None, on_progress=told.append) as stack,
    ):
        assert (stack.kafka_kind, stack.database_kind) == ("in-memory", "postgres")
        assert stack.notes[0].startswith(REFUSAL)
        assert "there is no room" in stack.notes[0]
        assert stack.notes[0] in told
    assert any("/images/" in path for path in daemon.asked)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:{port}", "unix://{folder}/docker.sock", "what?"])
def test_where_no_daemon_is_a_client_on_path_does_not_count(
    path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    program = path / "docker"
    program.write_text("#!/bin/sh\necho 'Client: Docker Engine'\n")
    program.chmod(0o755)
    monkeypatch.setenv("DOCKER_HOST", url.format(port=free_ports(1)[0], folder=path))
    assert not daemon_answers()


def test_the_next_way_is_taken_without_a_word_where_no_daemon_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}/docker.sock")
    told: list[str] = []
    with running(kafka=None, database=None, folder=None, on_progress=told.append) as stack:
        assert (stack.kafka_kind, stack.database_kind) == ("in-memory", "postgres")
    assert "Docker" not in " ".join([*told, *stack.notes])


@pytest.mark.usefixtures("path")
def test_containers_forget_so_what_lasts_is_not_put_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    daemon = Daemon()
    with (
        served(daemon, monkeypatch),
        pytest.raises(StackError, match="the in-memory broker forgets everything"),
        running(
            kafka=None, database=None, folder=tmp_path, lasting=True, on_progress=lambda _: None
        ),
    ):
        pass
    assert daemon.asked == []


def test_real_containers_serve_and_go() -> None:
    if not daemon_answers():
        pytest.skip("no Docker daemon answers here")
    with running(kafka=None, database=None, folder=None, on_progress=print) as stack:
        assert (stack.kafka_kind, stack.database_kind) == ("docker", "docker")
        with psycopg.connect(stack.database) as connection:
            query = "SELECT current_setting('max_connections'), datlocale FROM pg_database"
            assert connection.execute(query).fetchone() == ("300", "C.UTF-8")
        with AdminClient({"bootstrap.servers": stack.kafka}) as admin:
            admin.create_topics([NewTopic("greetings", 1)])["greetings"].result()
            producer = Producer({"bootstrap.servers": stack.kafka, "transactional.id": "greeter"})
            producer.init_transactions(60)
            producer.begin_transaction()
            producer.produce("greetings", b"hello")
            producer.commit_transaction(60)
            until_readable(admin, "greetings")  # the broker reached itself to mark the end
        assert [each.value() for each in committed(stack.kafka, "greetings")] == [b"hello"]
    host, _, port = stack.kafka.rpartition(":")
    eventually(lambda: socket.socket().connect_ex((host, int(port))) != 0, 30)
