"""Runs the processes of Rollcall in the foreground: starts, restarts, ends them.

One loop over one selector: it wakes when a signal comes (a child's end is one), when a child says
that it is ready, or when a restart is due. Children are asked one by one whether they have ended;
other children of this process, such as a local broker, are not touched.
"""

import ctypes
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

RESTART_SECONDS: Final = 1.0
"""Between a child's end and its next start. Constant: backing off would only lengthen an outage."""

STOP_SECONDS: Final = 15.0
"""How long children may take to end after SIGTERM before they are killed."""

_STOPPING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_PR_SET_PDEATHSIG: Final = 1
_PRCTL: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_NOTHING: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({})

Log = Callable[[str, str], None]
"""Takes the name of a process and a sentence about it."""


class _Child:
    """One name, and the process that bears it now."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self.name = name
        self.ready = False
        self.due = 0.0  # monotonic time of the next start; without meaning while it runs
        self.process: subprocess.Popen[bytes] | None = None
        self.socket, address = _notify_socket()
        self._argv = argv
        self._env = {**env, "NOTIFY_SOCKET": address}

    def start(self) -> None:
        parent = os.getpid()
        self.process = subprocess.Popen(
            self._argv,
            env=self._env,
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C reaches the supervisor alone, which ends them in order
            preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 - system calls only, no lock
        )

    def ended(self) -> str | None:
        """Say once how the process ended; None while it runs, and before its first start."""
        if self.process is None or self.process.poll() is None:
            return None
        status = self.process.returncode
        self.process = None
        if status >= 0:
            return f"ended with status {status}"
        return f"was ended by signal {-status} ({signal.strsignal(-status)})"

    def send(self, number: signal.Signals) -> None:
        """Signal the process and whatever it started in its group."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def hear(self) -> None:
        self.ready |= b"READY=1" in self.socket.recv(4096).splitlines()


def say(name: str, sentence: str) -> None:
    """Print a sentence about a process to standard error, where the processes print too."""
    print(f"{name} {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - meant for the terminal


def supervise(
    processes: Mapping[str, Sequence[str]],
    *,
    env: Mapping[str, str],
    own: Mapping[str, Mapping[str, str]] = _NOTHING,
    on_ready: Callable[[], None],
    log: Log = say,
) -> int:
    """Run the processes until SIGINT or SIGTERM; restart each one that ends, a second later.

    Each leads a process group of its own, inherits standard output and error, and on Linux gets
    SIGKILL when this process dies. Call it in the main thread: signals arrive there.

    Args:
        processes: program and arguments by name.
        env: the environment of all children; `NOTIFY_SOCKET` is added (sd_notify protocol).
        own: what a child has beside that, by name.
        on_ready: called once, when every child has said `READY=1` for the first time.
        log: gets a sentence when a child ends by itself or has to be killed.

    Returns:
        0, or 1 if a child did not end within 15 s of SIGTERM and was killed.

    Raises:
        OSError: a program cannot be started; the others have been stopped.
    """
    with selectors.DefaultSelector() as selector, _signals() as signals:
        selector.register(signals, selectors.EVENT_READ)
        children = [
            _Child(name, argv, {**env, **own.get(name, {})}) for name, argv in processes.items()
        ]
        for child in children:
            selector.register(child.socket, selectors.EVENT_READ, child)
        try:
            _run(children, selector, on_ready, log)
        finally:
            late = _stop(children, selector)
            for child in children:
                _close(child.socket)
        for child in late:
            log(child.name, f"did not end within {STOP_SECONDS:g} s and was killed")
    return 1 if late else 0


def _run(
    children: Sequence[_Child],
    selector: selectors.BaseSelector,
    on_ready: Callable[[], None],
    log: Log,
) -> None:
    announced = False
    while True:
        for child in children:
            if how := child.ended():
                log(child.name, f"{how} and starts again in {RESTART_SECONDS:g} s")
                child.due = time.monotonic() + RESTART_SECONDS
            if child.process is None and child.due <= time.monotonic():
                child.start()
        due = [child.due for child in children if child.process is None]
        wait = max(0.0, min(due) - time.monotonic()) if due else None
        if _STOPPING & _listen(selector, wait):
            return
        if not announced and all(child.ready for child in children):
            announced = True
            on_ready()


def _stop(children: Sequence[_Child], selector: selectors.BaseSelector) -> list[_Child]:
    """End all; return those that had to be killed."""
    for child in children:
        child.send(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    running = [child for child in children if child.process is not None]
    while running and (left := deadline - time.monotonic()) > 0:
        running = [child for child in running if child.ended() is None]
        if running:
            _listen(selector, left)
    for child in running:
        child.send(signal.SIGKILL)
        assert child.process is not None
        child.process.wait()
    return running


def _listen(selector: selectors.BaseSelector, seconds: float | None) -> set[int]:
    """Wait for what comes first; note who is ready, return the numbers of the signals."""
    numbers: set[int] = set()
    for key, _ in selector.select(seconds):
        if isinstance(key.data, _Child):
            key.data.hear()
        else:
            assert isinstance(key.fileobj, socket.socket)
            numbers.update(key.fileobj.recv(4096))
    return numbers


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Give a socket on which each signal arrives as one byte, its number."""
    reading, writing = socket.socketpair()
    with reading, writing:
        writing.setblocking(False)
        # A handler that does nothing: without one the number would not be written.
        before = {
            number: signal.signal(number, lambda *_: None)
            for number in (*_STOPPING, signal.SIGCHLD)
        }
        before_fd = signal.set_wakeup_fd(writing.fileno())
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(before_fd)
            for number, handler in before.items():
                signal.signal(number, handler)


def _notify_socket() -> tuple[socket.socket, str]:
    """Make the socket on which one child says that it is ready, and its address for the child."""
    name = f"rollcall-{secrets.token_hex(16)}"
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    # Abstract where that exists: it leaves no file behind, however this process ends.
    abstract = sys.platform == "linux"
    path = str(Path(tempfile.gettempdir(), name))
    receiver.bind(f"\0{name}" if abstract else path)
    return receiver, f"@{name}" if abstract else path


def _close(receiver: socket.socket) -> None:
    address = receiver.getsockname()
    receiver.close()
    if isinstance(address, str):  # abstract addresses are bytes
        Path(address).unlink(missing_ok=True)


def _die_with(parent: int) -> None:
    """In the child, before its program: get SIGKILL when the supervisor dies (Linux)."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)
