"""Ends the parts of a local stack when the process that started them is gone, however it went.

A process that is killed cannot clean up. So a second one, in a session of its own where Ctrl-C does
not reach it, reads a pipe whose only writer is the first. Each line names something to end or
to delete; the end of the pipe means that the first process is gone, or is done.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

import psutil  # type: ignore[import-untyped]

import deploy
from deploy.local.errors import StackError

GRACE_SECONDS = 10.0
"""How long a process may take to end by itself before it is killed."""

LOCK_SECONDS = 15.0
"""How long to wait for a folder that the guard of a killed stack is still clearing up."""

_POLL_SECONDS = 0.05


class Guard:
    """The writing end: held by the process that starts the parts."""

    folder: Path
    """Where the stack keeps its files."""

    def __init__(self, folder: Path | None) -> None:
        """Take the folder for one stack; None makes a private one that is deleted at the end.

        Raises:
            StackError: another stack uses the folder, or it cannot be made.
        """
        self.folder = (folder or Path(tempfile.mkdtemp(prefix="rollcall-"))).absolute()
        try:
            # Kafka's files are open to whoever reaches them, and they hold people's names.
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"There can be no folder {folder} ({error.strerror}): choose another."
            ) from error
        with _locked(self.folder) as lock, (self.folder / "guard.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.local.guard"],
                cwd=Path(deploy.__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                bufsize=0,  # a line is one write: whole, or not there
                start_new_session=True,
                pass_fds=(lock.fileno(),),  # the folder is taken until the guard has ended
            )
        if folder is None:
            self.delete_at_end(self.folder)

    def watch(self, pid: int, ending: signal.Signals) -> None:
        """End this process with that signal (SIGKILL after 10 s) if it outlives this one."""
        self._tell({"process": pid, "signal": int(ending)})

    def delete_at_end(self, folder: Path) -> None:
        """Delete this folder (absolute path) after every watched process has ended."""
        self._tell({"folder": str(folder)})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the guard end and delete what is left; return when it has."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: dict[str, int | str]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")


@contextmanager
def _locked(folder: Path) -> Iterator[IO[str]]:
    """Give the lock file of a folder, held by this process and by whom it passes the file to."""
    deadline = time.monotonic() + LOCK_SECONDS
    with (folder / "lock").open("a+") as lock:
        while not _lock(lock):
            lock.seek(0)
            owner = lock.read()
            if (owner and _alive(int(owner))) or time.monotonic() > deadline:
                raise StackError(
                    f"Process {owner} runs a local stack in {folder}: stop it, or choose another "
                    "folder."
                )
            time.sleep(_POLL_SECONDS)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main() -> None:
    """Read what to watch until the pipe ends, then end and delete all of it."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # only the end of the pipe counts
    watched: list[tuple[psutil.Process, int]] = []
    folders: list[Path] = []
    for line in sys.stdin:
        told = json.loads(line)
        if "folder" in told:
            folders.append(Path(told["folder"]))
        else:
            with suppress(psutil.NoSuchProcess):
                # psutil notes the start time: a later process with the same pid is left alone.
                watched.append((psutil.Process(told["process"]), told["signal"]))
    _end(watched)
    for folder in folders:
        _delete(folder)


def _end(watched: list[tuple[psutil.Process, int]]) -> None:
    for process, ending in watched:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(ending)
    processes = [process for process, _ in watched]
    deadline = time.monotonic() + GRACE_SECONDS
    while any(map(_runs, processes)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _runs(process: psutil.Process) -> bool:
    try:
        # Not every container's first process buries the dead that it inherits.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _alive(pid: int) -> bool:
    try:
        return _runs(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _delete(folder: Path) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        # A killed server's last children may still write: what they add goes with the next round.
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    main()
