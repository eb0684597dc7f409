"""Links between our processes and their servers: what runs over one can be cut off or slowed."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from deploy.local.ports import LOOPBACK

CHUNK = 1 << 16
SECONDS = 10.0


class Link:
    """A port on the loopback address that leads to a port, or to the socket, of a server."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: int, target: int | Path) -> None:
        self.port = port
        self._loop, self._target = loop, target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._seconds = 0.0
        self._quick = asyncio.Event()
        self.heal()

    def cut(self) -> None:
        """Drop every connection and refuse new ones."""
        self._do(self._cut())

    def slow(self, seconds: float) -> None:
        """Hold back each chunk for that long; what is held back goes on when the link is healed."""
        self._do(self._slow(seconds))

    def heal(self) -> None:
        """Lead to the server again, at once."""
        self._do(self._heal())

    async def _cut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            for listening in server.sockets:
                self._loop.remove_reader(listening.fileno())
            for _ in range(3):  # asyncio forgets to close what it is letting in when this ends
                await asyncio.sleep(0)
            server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _slow(self, seconds: float) -> None:
        self._seconds = seconds
        self._quick.clear()

    async def _heal(self) -> None:
        self._seconds = 0.0
        self._quick.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accepted, LOOPBACK, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)  # here, because its task may be cancelled before it has begun
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            further, onward = await self._connected()
            ends.append(onward)
            self._open.add(onward)
            ways = [self._pour(reader, onward), self._pour(further, writer)]
            tasks = [asyncio.ensure_future(way) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        except OSError:
            pass  # the server is away: so is this connection
        finally:
            for end in ends:
                end.transport.abort()
                self._open.discard(end)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(LOOPBACK, self._target)

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            if self._seconds:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._quick.wait(), self._seconds)
            writer.write(chunk)
            await writer.drain()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)


class Proxy:
    """All links, on one event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self._links: list[Link] = []

    def link(self, target: int | Path, port: int = 0) -> Link:
        """A healthy link to a port or socket; `port` 0 takes a free one."""
        self._links.append(Link(self._loop, port, target))
        return self._links[-1]

    def close(self) -> None:
        """Cut every link for good."""
        for link in self._links:
            link.cut()
        asyncio.run_coroutine_threadsafe(_others_cancelled(), self._loop).result(SECONDS)
        for link in self._links:
            link.cut()  # who was let in meanwhile
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _others_cancelled() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
