"""Has dead letters decided again: the same bytes, on the partition that they stood on."""

import base64
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from ingest.assignments import Assignments
from ingest.database import Database
from ingest.delivery import Outgoing
from ingest.publisher import Publisher
from ingest.refusals import (
    NotFoundError,
    SettledError,
    SinkRetriesError,
    ValueNotKeptError,
    WaitsForDirectoryError,
)
from ingest.unassigned import REASON
from schemas.bookkeeping import dead_letter
from schemas.envelope import REPLAY
from schemas.read_models import directory_owner
from schemas.settings import Settings

PROCESSORS: Final = "processors"
"""The stage whose letters are put on their lanes again."""


class Replays:
    """Reads letters, and publishes them again."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        publisher: Publisher,
        assignments: Assignments,
    ) -> None:
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._assignments = assignments

    def letter(self, letter_id: str) -> Any:
        """The row of a letter.

        Raises:
            NotFoundError: there is no such letter.
            UnavailableError: Postgres is away.
        """
        query = select(dead_letter).where(dead_letter.c.letter_id == letter_id)
        with self._database.across_tenants() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFoundError("There is no such dead letter: list them, or check its id.")
        return row

    def open_letter(self, letter_id: str) -> Any:
        """The row of a letter that is neither replayed nor dropped.

        Raises:
            SettledError: it is one of both.
            NotFoundError, UnavailableError: as for `letter`.
        """
        row = self.letter(letter_id)
        if row.settled is not None:
            raise SettledError(row.settled)
        return row

    async def replay(self, letter_id: str) -> list[str]:
        """Publish a letter and all other open ones about the same, in the order of their numbers.

        Returns their ids when they are safe on their lanes; processors then say what became of
        them, and ignore one that is open no more.

        Raises:
            RefusedError: the letter cannot be replayed, as its subclass says.
        """
        asked = await run_in_threadpool(self.open_letter, letter_id)
        letters = await run_in_threadpool(self._about_the_same, asked)
        if asked.reason == REASON:
            await run_in_threadpool(self._require_owner, asked.directory_id)
            self._assignments.wake()
        elif asked.stage == PROCESSORS:
            await self._publisher.send([self._again(letter) for letter in letters])
        else:
            raise SinkRetriesError
        return [letter.letter_id for letter in letters]

    def _about_the_same(self, asked: Any) -> Sequence[Any]:
        columns = dead_letter.c
        query = (
            select(dead_letter)
            .where(
                columns.tenant_id == asked.tenant_id,
                columns.entity == asked.entity,
                columns.stage == asked.stage,
                columns.settled.is_(None),
            )
            .order_by(columns.number)
        )
        with self._database.across_tenants() as connection:
            return connection.execute(query).all()

    def _require_owner(self, directory_id: str) -> None:
        owner = directory_owner.c
        query = select(owner.tenant_id).where(owner.directory_id == directory_id)
        with self._database.across_tenants() as connection:
            if connection.execute(query).first() is None:
                raise WaitsForDirectoryError

    def _again(self, letter: Any) -> Outgoing:
        if letter.value is None:
            raise ValueNotKeptError(letter.letter_id)
        headers = [each for each in headers_of(letter) if each[0] != REPLAY]
        return Outgoing(
            topic=self._settings.topic(letter.topic),
            partition=letter.partition,  # a message with a foreign key may have stood anywhere
            key=letter.key,
            value=letter.value,
            headers=[*headers, (REPLAY, letter.letter_id.encode())],
        )


def headers_of(letter: Any) -> list[tuple[str, bytes]]:
    """The headers of the message that a letter's row holds."""
    return [(name, base64.b64decode(value)) for name, value in letter.headers]
