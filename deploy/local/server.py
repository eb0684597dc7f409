"""One server process of the local stack: its log, its start, its end."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.guard import Guard

STOP_SECONDS = 15.0
"""How long a server may take to stop before it is killed."""

_POLL_SECONDS = 0.02
_TAIL_LINES = 12


class Server:
    """A child in a session of its own, so that Ctrl-C ends those who use it first.

    What it prints goes to a file, away from the terminal; an error shows the file's last lines.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        guard: Guard,
        ending: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start it.

        Args:
            name: what errors call it.
            argv: program and arguments.
            log: the file that its output is added to.
            guard: ends it if this process is killed.
            ending: the signal that makes it stop in order.
        """
        self._name = name
        self._log = log
        self._ending = ending
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                argv,
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        guard.watch(self.pid, ending)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def until_done(self) -> None:
        """Wait for a child that does one piece of work and ends.

        Raises:
            StackError: it failed.
        """
        if self._process.wait() != 0:
            raise StackError(self._failure(f"ended with status {self._process.returncode}"))

    def until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Poll `ready` until it is true.

        Raises:
            StackError: the server ended, or was not ready within that many seconds.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None:
                raise StackError(self._failure(f"ended with status {self._process.returncode}"))
            if time.monotonic() > deadline:
                raise StackError(self._failure(f"was not ready within {seconds:.0f} s"))
            time.sleep(_POLL_SECONDS)

    def stop(self, ending: signal.Signals | None = None) -> None:
        """Send its stop signal, or the one given, and wait; after 15 s kill it."""
        if self._process.poll() is None:
            self._process.send_signal(ending or self._ending)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._process.kill()
        self._process.wait()

    def _failure(self, what: str) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        # Indented lines are stack frames: they would push the reason out of sight.
        reasons = [line for line in lines if line and not line[0].isspace()]
        return "\n".join([f"{self._name} {what}. The end of {self._log}:", *reasons[-_TAIL_LINES:]])
