"""A `rollcall up` of the demo's own, and the two ways in that the demo uses."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread, Timer
from typing import IO, Any, Final

import httpx2

from deploy.cli.errors import CommandError
from deploy.cli.foreground import PROGRESS
from deploy.local.guard import Guard

READY_SECONDS: Final = 420.0
"""How long `up` may take: Maven may fetch Kafka for five minutes, once."""

_COMMAND: Final = (sys.executable, "-m", "deploy.cli.app")
_TAIL: Final = 15  # lines of its log that explain a failure
_AT_ONCE: Final = 2  # commands side by side; each is a Python of its own


class Rollcall:
    """Commands and HTTP against a running Rollcall."""

    def __init__(self, addresses: dict[str, str]) -> None:
        """Take what `rollcall up --json` printed."""
        self.url = addresses["gateway"]
        self.token = addresses["admin_token"]
        self.webhook_secret = addresses["workos_webhook_secret"]
        self.http = httpx2.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=60
        )

    def command(self, *words: str, printing: bool = False) -> None:
        """Run a command; what it prints is shown, as wide as the terminal is, or dropped.

        Raises:
            CommandError: it failed.
        """
        ended = subprocess.run(
            [*_COMMAND, *words],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=None if printing else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise CommandError(f"`{shown(words)}` failed: {ended.stderr.strip()}")

    def commands(self, all_of: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
        """Run commands that do not need one another, two at once; give each when it is done."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for words, _ in zip(
                all_of, pool.map(lambda words: self.command(*words), all_of), strict=True
            ):
                yield words

    def get(self, *path: str, **query: Any) -> dict[str, Any]:
        """Read from the API over one kept connection.

        Raises:
            CommandError: it did not answer 200.
        """
        answer = self.http.get("/".join(("/api", *path)), params=query)
        if answer.status_code != 200:
            raise CommandError(f"GET {answer.url} answered {answer.status_code}: {answer.text}")
        body: dict[str, Any] = answer.json()
        return body

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "ROLLCALL_URL": self.url, "ROLLCALL_ADMIN_TOKEN": self.token}


def shown(words: Sequence[str]) -> str:
    """A command as people would type it."""
    return f"rollcall {shlex.join(words)}"


@contextmanager
def started(on_progress: Callable[[str], None]) -> Iterator[Rollcall]:
    """Run `rollcall up --ephemeral --json`; end it at the end, and also if this process is killed.

    Raises:
        CommandError: it did not become ready; the text has the end of what it said.
    """
    with Guard(None) as guard:
        up = subprocess.Popen(
            [*_COMMAND, "up", "--ephemeral", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C ends the demo, and the demo ends this
        )
        guard.watch(up.pid, signal.SIGTERM)
        assert up.stdout is not None
        assert up.stderr is not None
        said: deque[str] = deque(maxlen=_TAIL)
        Thread(target=_listen, args=(up.stderr, said, on_progress), daemon=True).start()
        try:
            rollcall = Rollcall(_ready(up, up.stdout, said))
            with rollcall.http:
                yield rollcall
        finally:
            up.send_signal(signal.SIGINT)
            up.wait()


def _ready(up: subprocess.Popen[str], output: IO[str], said: deque[str]) -> dict[str, str]:
    timer = Timer(READY_SECONDS, up.terminate)
    timer.start()
    line = output.readline()
    timer.cancel()
    if not line:
        up.wait()
        raise CommandError("\n".join(["`rollcall up` did not become ready:", *said]))
    addresses: dict[str, str] = json.loads(line)
    return addresses


def _listen(errors: IO[str], said: deque[str], on_progress: Callable[[str], None]) -> None:
    """Show the progress, keep the end of everything; and never let the pipe fill."""
    for line in errors:
        said.append(line.rstrip())
        if line.startswith(PROGRESS):
            on_progress(line.removeprefix(PROGRESS).rstrip())
