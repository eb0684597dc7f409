"""Replays what waited for a directory, as soon as a tenant owns it.

Changes of a directory without a tenant are dead letters in Postgres.  This task looks for those
whose directory has an owner by now, puts them on their lanes, and then says that they were
replayed.  Looking again and again also finds the change whose webhook asked for the owner just
before there was one.

Several gateways may do it at once, and one that dies half-way leaves it to be done again.  Both are
harmless: a change keeps its id, so deciding it again has no effect, and the sink of dead letters
takes the same ruling twice.
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from sqlalchemy import func, literal_column, select, true
from starlette.concurrency import run_in_threadpool

from ingest import unassigned
from ingest.database import Database
from ingest.publisher import Publisher
from schemas import limits
from schemas.bookkeeping import dead_letter
from schemas.changes import AnyReportedChange
from schemas.codec import InvalidMessageError
from schemas.read_models import directory_owner

log = structlog.get_logger(__name__)

SOURCE: Final = "rollcall/ingest/assignments"
"""The ce_source of what is replayed."""
PAGE: Final = 500
"""Letters that are replayed at once; the next ones follow when these are settled."""

_SETTLE_SECONDS = 60.0  # how long rulings are waited for: a sink that is away is not written full
_RECHECK_SECONDS = 0.2


class Assignments:
    """One task that lives as long as the gateway."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._woken = asyncio.Event()
        self._unreadable: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, and go on until `close`."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look now: a directory has just got its tenant."""
        self._woken.set()

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        """Look for ever; while Postgres or Kafka is away, or whatever else fails, try again."""
        known = ""
        while True:
            self._woken.clear()
            try:
                await self._replay_all()
                known = ""
            except Exception as error:  # noqa: BLE001 # nobody else would start this task again
                reason = type(error).__name__  # its text may hold what was sent
                if reason != known:
                    log.warning("changes wait for their directory's replay", reason=reason)
                known = reason
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), limits.ASSIGN_SECONDS)

    async def _replay_all(self) -> None:
        after = 0
        while letters := await run_in_threadpool(self._owned, after):
            changes = {letter.letter_id: change for letter, change in self._readable(letters)}
            await self._publisher.publish_all(changes.values(), SOURCE)
            now = datetime.now(UTC)
            rulings = [unassigned.replayed(*each, now) for each in changes.items()]
            await self._publisher.report(rulings, SOURCE)
            await self._until_settled(changes)
            after = letters[-1].number

    def _owned(self, after: int) -> Sequence[Any]:
        """The next letters whose directory has an owner.

        A directory at a time, by the index of these letters: those that nobody owns may be many.
        """
        letter, owner = dead_letter.c, directory_owner.c
        of_directory = (
            select(letter.number, letter.letter_id, letter.directory_id, letter.key, letter.value)
            .where(
                letter.directory_id == owner.directory_id,
                # Not a parameter: the index is chosen by what the query says.
                letter.reason == literal_column(f"'{unassigned.REASON}'"),
                letter.settled.is_(None),
                letter.number > after,
            )
            .order_by(letter.number)
            .limit(PAGE)
            .correlate(directory_owner)
            .lateral()
        )
        query = (
            select(of_directory, owner.tenant_id.label("owner"))
            .join_from(directory_owner, of_directory, true())
            .order_by(of_directory.c.number)
            .limit(PAGE)
        )
        with self._database.across_tenants() as connection:
            return connection.execute(query).all()

    def _readable(self, letters: Sequence[Any]) -> list[tuple[Any, AnyReportedChange]]:
        """The letters with their changes; one that does not decode stays, and holds up no other."""
        read = []
        for letter in letters:
            try:
                place = (letter.owner, letter.directory_id)
                read.append((letter, unassigned.change_for(*place, letter.key, letter.value)))
            except InvalidMessageError as error:
                if letter.letter_id not in self._unreadable:
                    log.error("cannot be replayed", letter_id=letter.letter_id, why=str(error))  # noqa: TRY400 # its text says all
                self._unreadable.add(letter.letter_id)
        return read

    async def _until_settled(self, letter_ids: Collection[str]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                while await run_in_threadpool(self._open, letter_ids):  # noqa: ASYNC110 # rows in Postgres
                    await asyncio.sleep(_RECHECK_SECONDS)

    def _open(self, letter_ids: Collection[str]) -> int:
        letter = dead_letter.c
        query = (
            select(func.count())
            .select_from(dead_letter)
            .where(letter.letter_id.in_(letter_ids), letter.settled.is_(None))
        )
        with self._database.across_tenants() as connection:
            return connection.execute(query).scalar_one()
