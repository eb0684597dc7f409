"""Dead letters: what could not be decided or applied, why, and what shall become of it."""

import base64
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, select
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Filters, Id
from ingest.database import Database
from ingest.replays import PROCESSORS, Replays, headers_of
from schemas.bookkeeping import dead_letter
from schemas.changes import DropDeadLetter

LetterId = Annotated[Id, Path(description="The dead letter's id.")]


class Letter(BaseModel):
    """Where a message stood, why it is dead, and what became of it."""

    number: int
    letter_id: str
    tenant_id: str
    stage: str
    reason: str
    detail: str
    entity: str
    removal: bool
    directory_id: str | None
    topic: str
    partition: int
    offset: int
    recorded_at: datetime
    settled: str | None
    settled_at: datetime | None
    attempts: int


class LetterPage(BaseModel):
    """Letters in the order in which they came; `after` asks for the next page."""

    letters: list[Letter]
    after: int | None


class WholeLetter(Letter):
    """A letter with the message itself."""

    cause: str
    headers: dict[str, str]
    value: str | None = None
    """None also where it is no UTF-8, or not kept."""
    value_base64: str | None = None
    """The same where it is no UTF-8."""
    sha256: str


class Replaying(BaseModel):
    """Letters that are on their way: all open ones about the same, the first one first."""

    replaying: list[str]


class Dropped(BaseModel):
    """A letter that was given up."""

    letter_id: str
    settled: Literal["dropped"]


class LetterFilters(Filters):
    """Which letters; all open ones without a filter."""

    tenant: Id | None = None
    reason: Id | None = None
    stage: Id | None = None
    directory: Id | None = None
    settled: Literal["open", "replayed", "dropped", "all"] = "open"
    after: Annotated[int | None, Field(ge=0, lt=1 << 63)] = None


class DeadLetters:
    """The URLs about dead letters; they are the operator's, so they show those of all tenants."""

    def __init__(self, database: Database, changes: Changes, replays: Replays) -> None:
        self._database = database
        self._changes = changes
        self._replays = replays

    def page(self, filters: Annotated[LetterFilters, Query()]) -> LetterPage:
        """List dead letters, the first one first."""
        query = _matching(filters).limit(filters.limit + 1)
        with self._database.across_tenants() as connection:
            letters = [Letter(**row) for row in connection.execute(query).mappings()]
        shown = letters[: filters.limit]
        return LetterPage(
            letters=shown,
            after=shown[-1].number if len(letters) > len(shown) else None,
        )

    def show(self, letter_id: LetterId) -> WholeLetter:
        """Show a dead letter with its message."""
        row = self._replays.letter(letter_id)
        told = {name: getattr(row, name) for name in (*Letter.model_fields, "cause", "sha256")}
        headers = {name: value.decode("utf-8", "replace") for name, value in headers_of(row)}
        message: dict[str, str] = {}
        if row.value is not None:
            try:
                message = {"value": row.value.decode()}
            except UnicodeDecodeError:
                message = {"value_base64": base64.b64encode(row.value).decode()}
        return WholeLetter(**told, **message, headers=headers)

    async def replay(self, letter_id: LetterId) -> Replaying:
        """Have a message decided again, with all that waits behind it."""
        return Replaying(replaying=await self._replays.replay(letter_id))

    async def drop(self, letter_id: LetterId) -> JSONResponse:
        """Give a message up for good; what waits behind it may be replayed."""
        letter = await run_in_threadpool(self._replays.open_letter, letter_id)
        change = DropDeadLetter(
            tenant_id=letter.tenant_id, letter_id=letter_id, entity=letter.entity, **asked_now()
        )
        # Who decides there knows that the letter is open: it may not be where its tenant lives.
        partition = letter.partition if letter.stage == PROCESSORS else None
        return await self._changes.settle(change, partition)


def _matching(filters: LetterFilters) -> Select[tuple[object, ...]]:
    columns = dead_letter.c
    query = select(*(columns[name] for name in Letter.model_fields)).order_by(columns.number)
    for name, wanted in (
        ("tenant_id", filters.tenant),
        ("reason", filters.reason),
        ("stage", filters.stage),
        ("directory_id", filters.directory),
    ):
        if wanted is not None:
            query = query.where(columns[name] == wanted)
    if filters.settled == "open":
        query = query.where(columns.settled.is_(None))
    elif filters.settled != "all":
        query = query.where(columns.settled == filters.settled)
    if filters.after is not None:
        query = query.where(columns.number > filters.after)
    return query
