"""A whole `rollcall up`, seen from outside."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from typer.testing import CliRunner

import deploy
from deploy.cli.app import app
from tests.deploy.docs import documented, same_shape
from tests.waiting import eventually

ROOT = Path(deploy.__file__).parents[1]
COMMAND = [sys.executable, "-m", "deploy.cli.app"]
UP = [*COMMAND, "up", "--ephemeral", "--json"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name[:9] != "ROLLCALL_"}


class Up:
    """A running `rollcall up --ephemeral --json`, and commands against it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.line = process.stdout.readline()
        self.addresses: dict[str, Any] = json.loads(self.line)
        self.env = {
            "ROLLCALL_URL": self.addresses["gateway"],
            "ROLLCALL_ADMIN_TOKEN": self.addresses["admin_token"],
        }

    def json(self, *words: str) -> Any:
        """Run a command with --json; its answer has the shape that the docs show."""
        result = CliRunner().invoke(app, [*words, "--json"], env=self.env)
        assert result.exit_code == 0, f"{words}: {result.exception!r}"
        body = json.loads(result.stdout)
        same_shape(documented(" ".join(words)), body)
        return body

    def table(self, *words: str) -> str:
        """Run a command as a person would."""
        ended = subprocess.run(
            [*COMMAND, *words],
            env={**ENVIRONMENT, **self.env},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "\x1b" not in ended.stdout
        return ended.stdout


@contextmanager
def up(*options: str | Path) -> Iterator[Up]:
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [*UP, *options],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            yield Up(process)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read())  # pytest shows it beside the failure
            raise
        finally:
            process.kill()  # its guard ends the rest


def refused(*options: str | Path, **env: str) -> str:
    """What `up` says on standard error, when it does not begin."""
    ended = subprocess.run(
        [*UP, *options],
        cwd=ROOT,
        env=ENVIRONMENT | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


def stop(running: Up) -> None:
    family = psutil.Process(running.process.pid).children(recursive=True)
    assert len(family) > len(("gateway", "processors", "sinks", "guard"))
    running.process.send_signal(signal.SIGINT)
    rest, _ = running.process.communicate()
    assert (running.process.returncode, rest) == (0, "")
    eventually(lambda: not any(map(alive, family)), 20)


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
