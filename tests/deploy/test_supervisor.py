"""The supervisor runs in a process of its own; its children are short scripts."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

import deploy
from deploy.ready import notify_ready
from tests.waiting import eventually

ENV = {**os.environ, "PYTHONPATH": str(Path(deploy.__file__).parents[1])}

CHILD = """
import os, signal, sys
from deploy.ready import notify_ready
print("last words of", sys.argv[1], file=sys.stderr, flush=True)
with open(sys.argv[1], "a") as pids:
    print(os.getpid(), file=pids)
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "silent" not in sys.argv:
    notify_ready()
while True:
    signal.pause()
"""

SUPERVISOR = """
import os, sys
from deploy import supervisor
supervisor.STOP_SECONDS = float(sys.argv[1])
children = {name: [sys.executable, "-c", sys.argv[2], *name.split()] for name in sys.argv[3:]}
ready = lambda: print("ready", flush=True)
sys.exit(supervisor.supervise(children, env=os.environ, on_ready=ready))
"""


class Supervised:
    """A running supervisor, seen from outside; a child's pids stand in the file of its name."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process

    def pids(self, name: str) -> list[int]:
        file = self.folder / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def pid(self, name: str, start: int = 1) -> int:
        return eventually(lambda: self.pids(name)[start - 1 :], 20)[0]

    def announced(self) -> bool:
        assert self.process.stdout is not None
        return self.process.stdout.readline() == "ready\n"


@contextmanager
def supervised(folder: Path, *names: str, stop_seconds: float = 15) -> Iterator[Supervised]:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(stop_seconds), CHILD, *names],
        cwd=folder,
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Supervised(folder, process)
        finally:
            process.kill()


def gone(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return True


def test_a_killed_child_comes_back_and_readiness_is_announced_once(tmp_path: Path) -> None:
    with supervised(tmp_path, "gateway", "sinks") as running:
        assert running.announced()
        os.kill(running.pid("gateway"), signal.SIGKILL)
        second = running.pid("gateway", start=2)
        running.process.terminate()
        out, err = running.process.communicate()
        assert (running.process.returncode, out) == (0, "")  # no second announcement
        assert "gateway was ended by signal 9 (Killed) and starts again in 1 s" in err
        assert err.count("last words of gateway") == 2
        assert len(running.pids("sinks")) == 1
        assert gone(second)
        assert gone(running.pid("sinks"))


def test_it_is_not_ready_before_the_last_child(tmp_path: Path) -> None:
    with supervised(tmp_path, "gateway", "sinks silent") as running:
        running.pid("gateway")
        running.pid("sinks")
        running.process.send_signal(signal.SIGINT)
        out, _ = running.process.communicate()
        assert (running.process.returncode, out) == (0, "")


def test_a_child_that_does_not_end_is_killed_and_named(tmp_path: Path) -> None:
    with supervised(tmp_path, "gateway stubborn", "sinks", stop_seconds=0.3) as running:
        assert running.announced()
        stubborn = running.pid("gateway")
        running.process.terminate()
        _, err = running.process.communicate()
        assert running.process.returncode == 1
        assert "gateway stubborn did not end within 0.3 s and was killed" in err
        assert gone(stubborn)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties children to their parent")
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, "gateway", "sinks") as running:
        assert running.announced()
        running.process.kill()
        for name in ("gateway", "sinks"):
            eventually(partial(gone, running.pid(name)), 20)


def test_a_program_that_does_not_exist_is_an_error_and_stops_the_others(tmp_path: Path) -> None:
    missing = "\nchildren['sinks'] = ['/does/not/exist']\n"
    script = SUPERVISOR.replace("\nsys.exit", missing + "sys.exit")
    done = subprocess.run(  # returns when no child holds its output any more
        [sys.executable, "-c", script, "15", CHILD, "gateway"],
        cwd=tmp_path,
        env=ENV,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "/does/not/exist" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("abstract", [True, False])
def test_ready_speaks_to_both_kinds_of_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool
) -> None:
    if abstract and sys.platform != "linux":
        pytest.skip("abstract sockets exist on Linux only")
    name = f"rollcall-test-{os.getpid()}" if abstract else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as starter:
        starter.bind(f"\0{name}" if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
        notify_ready()
        assert starter.recv(100) == b"READY=1"


def test_ready_is_silent_without_a_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_ready()
