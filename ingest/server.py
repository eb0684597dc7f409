"""Runs the gateway's application until it is told to stop."""

import asyncio
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from schemas import limits
from schemas.settings import Settings, SettingsError

_KEEP_ALIVE_SECONDS = 75  # longer than load balancers reuse a connection: they close it, not we
_GRACE_SECONDS = limits.DELIVERY_SECONDS + 2  # every change on its way gets its report


class Server(uvicorn.Server):
    """Serves on the address of the settings; a signal ends it in order and without an exception."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        until_ready: Callable[[], Awaitable[None]],
        ready: Callable[[int], None],
    ) -> None:
        """Take the port.

        Args:
            app: what to serve.
            settings: host and port; port 0 takes a free one.
            until_ready: waits until what the application needs is there.
            ready: called once with the port, when requests are served and `until_ready` is over.

        Raises:
            SettingsError: the address cannot be had.
        """
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                ws="none",
                log_config=None,  # deploy/ sets logging up
                access_log=False,  # URLs hold email addresses
                proxy_headers=False,  # nothing here asks where a request came from
                server_header=False,
                limit_concurrency=limits.CONNECTIONS,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._socket = _bound(settings)
        self._port = self._socket.getsockname()[1]
        self._until_ready = until_ready
        self._ready = ready
        self._announcement: asyncio.Task[None] | None = None

    def serve_until_stopped(self) -> None:
        """Serve until SIGTERM or SIGINT, or until `should_exit` is set."""
        self.run(sockets=[self._socket])
        if self._announcement is not None and not self._announcement.cancelled():
            self._announcement.result()  # what `ready` raised ends the process

    def why_not_ready(self) -> str | None:
        """Why nobody else is answered just now; None while there is room."""
        if len(self.server_state.connections) < limits.CONNECTIONS:
            return None
        return f"All {limits.CONNECTIONS} connections are taken: whoever comes now is answered 503."

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announcement = asyncio.create_task(self._announce())

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn's own raises the signal again when all is done, which makes a stop look like a
        # crash to whoever started us.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def _announce(self) -> None:
        await self._until_ready()
        try:
            self._ready(self._port)
        except BaseException:
            self.should_exit = True
            raise


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host, settings.port)
    try:
        return socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"The gateway cannot listen on {settings.host} port {settings.port}"
            f" ({error.strerror}): set ROLLCALL_HOST and ROLLCALL_PORT to an address that is free."
        ) from error
