"""What became of a change: read from Postgres as soon as directory_view has committed it.

NOTIFY only says when to look.  The rows that are waited for are also read again after a reconnect
and every half second, so that a lost notification costs time and no answer (DESIGN §5).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any

import msgspec
import structlog
from psycopg import AsyncConnection, sql

from ingest.database import connection_arguments
from ingest.refusals import OutcomeTimeoutError, UnavailableError
from schemas import limits, read_models
from schemas.settings import Settings

log = structlog.get_logger(__name__)

_RECONNECT_SECONDS = 0.5
# Of many tenants at once: the gateway's role sees this table of tenants whole, for this query.
_READ = """
    SELECT change_id, status, body FROM outcome
    WHERE (tenant_id, change_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a change."""

    status: int
    """The HTTP status."""
    body: dict[str, Any]


class _Waiting(msgspec.Struct, frozen=True):
    tenant_id: str
    answer: asyncio.Future[Outcome]


class Outcomes:
    """One direct connection that listens, and the requests that wait for it."""

    def __init__(self, settings: Settings) -> None:
        self._arguments = connection_arguments(settings)
        self._waiting: dict[str, _Waiting] = {}
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether the listener is connected."""
        return self._listening.is_set()

    async def until_ready(self) -> None:
        """Wait until the listener is connected."""
        await self._listening.wait()

    def start(self) -> None:
        """Begin to listen, and go on until `close`."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    @contextlib.contextmanager
    def expected(
        self, tenant_id: str, change_id: str, deadline: float | None = None
    ) -> Iterator[Callable[[], Awaitable[Outcome]]]:
        """Register a change before it is published, so that no notification is missed.

        Yields what waits for its outcome: at most OUTCOME_SECONDS from now on, or until a deadline
        by the event loop's clock, else it raises OutcomeTimeoutError.

        Raises:
            UnavailableError: nobody listens, so the change had better not be made.
        """
        if not self.ready:
            raise UnavailableError("The database is away, nothing was changed: try again.")
        loop = asyncio.get_running_loop()
        until = deadline or loop.time() + limits.OUTCOME_SECONDS
        waiting = self._waiting[change_id] = _Waiting(tenant_id, loop.create_future())

        async def wait() -> Outcome:
            try:
                async with asyncio.timeout_at(until):
                    return await waiting.answer
            except TimeoutError:
                raise OutcomeTimeoutError from None

        try:
            yield wait
        finally:
            del self._waiting[change_id]

    async def _run(self) -> None:
        """Listen for ever.

        Whatever ends the listening, an error of our own included, only this loop may go on: it
        keeps the gateway not ready until the next connection stands (faust-facts 25).
        """
        known = ""
        while True:
            try:
                async with await AsyncConnection.connect(
                    **self._arguments, autocommit=True
                ) as connection:
                    await self._listen(connection)
            except Exception as error:  # noqa: BLE001 # see above
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                if reason != known:  # else it would be logged twice a second
                    log.warning("outcomes are not heard", reason=reason)
                known = reason
            finally:
                self._listening.clear()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self, connection: AsyncConnection) -> None:
        channel = sql.Identifier(read_models.OUTCOME_CHANNEL)
        await connection.execute(sql.SQL("LISTEN {}").format(channel))
        self._listening.set()
        clock = asyncio.get_running_loop().time
        reread_at = clock()
        while True:
            noted = {
                note.payload
                async for note in connection.notifies(
                    timeout=max(0.0, reread_at - clock()), stop_after=1
                )
            }
            if clock() >= reread_at:
                noted = set(self._waiting)
                reread_at = clock() + limits.OUTCOME_RECHECK_SECONDS
            await self._read(connection, noted & self._waiting.keys())

    async def _read(self, connection: AsyncConnection, change_ids: Collection[str]) -> None:
        if not change_ids:
            return
        tenants = [self._waiting[change_id].tenant_id for change_id in change_ids]
        rows = await connection.execute(_READ, (tenants, list(change_ids)))
        async for change_id, status, body in rows:
            self._answer(change_id, Outcome(status=status, body=body))

    def _answer(self, change_id: str, outcome: Outcome) -> None:
        waiting = self._waiting.get(change_id)  # it may have given up while its row was read
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_result(outcome)
