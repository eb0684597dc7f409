"""Changes through the admin API: published like all others, answered with their outcome."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from ingest.database import Database
from ingest.outcomes import Outcome, Outcomes
from ingest.publisher import Publisher
from ingest.refusals import UnavailableError
from schemas import limits
from schemas.changes import DropDeadLetter, Inbound
from schemas.settings_changes import AnySettingsChange, CreateTenant

SOURCE: Final = "rollcall/ingest/api"
"""The ce_source of what comes through this door."""


def asked_now() -> dict[str, Any]:
    """What each change gets that somebody waits for: an id of its own and a time."""
    return {"change_id": str(uuid.uuid4()), "recorded_at": datetime.now(UTC), "reply": True}


class Changes:
    """Publishes a change and waits for what became of it."""

    def __init__(self, database: Database, publisher: Publisher, outcomes: Outcomes) -> None:
        self._database = database
        self._publisher = publisher
        self._outcomes = outcomes
        self._pages: defaultdict[int, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(limits.PAGES_UNDER_WAY)
        )

    async def settle(
        self, change: AnySettingsChange | DropDeadLetter, partition: int | None = None
    ) -> JSONResponse:
        """Answer with the change's outcome.

        Args:
            change: one that asks for a reply.
            partition: where it must stand if not where its tenant lives.

        Raises:
            NotFoundError: the tenant is not there, and this does not create it.
            NotDurableError: Kafka did not confirm the change.
            OutcomeTimeoutError: it is safe, and not decided in time.
            UnavailableError: Postgres is away; nothing was published.
        """
        assert change.reply
        if not isinstance(change, CreateTenant | DropDeadLetter):  # a letter may name no tenant
            await run_in_threadpool(self._database.require_tenant, change.tenant_id)
        with self._outcomes.expected(change.tenant_id, change.change_id) as outcome:
            await self._publisher.publish(change, SOURCE, partition)
            settled = await outcome()
        return JSONResponse(settled.body, settled.status)

    async def settle_all(
        self, tenant_id: str, messages: Sequence[Inbound], changes: Sequence[AnySettingsChange]
    ) -> list[Outcome]:
        """Publish messages that hold changes, and return what became of each of these.

        A few at a time go to a partition: others wait, so that nobody waits behind all of them.

        Args:
            tenant_id: of all of them.
            messages: pages, or changes that stand by themselves.
            changes: all that are in them; each asks for a reply.

        Raises:
            NotFoundError: the tenant is not there.
            NotDurableError: Kafka did not confirm all of them.
            OutcomeTimeoutError: they are safe, and not all are decided in time.
            UnavailableError: Postgres is away, or it was not their turn; nothing was published.
        """
        deadline = asyncio.get_running_loop().time() + limits.OUTCOME_SECONDS
        await run_in_threadpool(self._database.require_tenant, tenant_id)
        async with self._turn(tenant_id, deadline):
            with ExitStack() as waiting:
                expected = [
                    waiting.enter_context(
                        self._outcomes.expected(tenant_id, each.change_id, deadline)
                    )
                    for each in changes
                ]
                await self._publisher.publish_all(messages, SOURCE)
                return [await outcome() for outcome in expected]

    @asynccontextmanager
    async def _turn(self, tenant_id: str, deadline: float) -> AsyncIterator[None]:
        pages = self._pages[self._publisher.partition_of(tenant_id)]
        try:
            async with asyncio.timeout_at(deadline):
                await pages.acquire()
        except TimeoutError:
            raise UnavailableError(
                "Many people are told of just now, and nothing was changed: try again."
            ) from None
        try:
            yield
        finally:
            pages.release()
