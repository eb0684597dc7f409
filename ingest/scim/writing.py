"""Writes of SCIM: changes that go through Kafka, answered with what became of them (DESIGN §5)."""

import asyncio
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, Final

from scim2_models import MutabilityException, NotFoundException, UniquenessException

from ingest.outcomes import Outcome, Outcomes
from ingest.publisher import Publisher
from ingest.refusals import BusyError, GivenUpError, NotDurableError, OutcomeTimeoutError
from ingest.scim.errors import GoneError, RefusedOutcomeError, StaleError
from ingest.scim.given_up import GivenUp
from ingest.scim.tokens import Bearer
from schemas import ids
from schemas.scim import AnyScimChange, Document

SOURCE: Final = "rollcall/ingest/scim"
"""The ce_source of what comes through this door."""


class Writing:
    """Publishes changes of one directory, and waits for their outcomes until a deadline."""

    def __init__(
        self,
        given_up: GivenUp,
        publisher: Publisher,
        outcomes: Outcomes,
        bearer: Bearer,
        deadline: float,
    ) -> None:
        """For one request.

        Args:
            given_up: what was answered 503 and may still land.
            publisher: to Kafka.
            outcomes: tells what became of changes.
            bearer: whose request it is.
            deadline: by the event loop's clock; waiting for a turn counts.
        """
        self._given_up = given_up
        self._publisher = publisher
        self._outcomes = outcomes
        self._bearer = bearer
        self._deadline = deadline

    def common(self, base: int) -> dict[str, Any]:
        """What each change gets: an id of its own, whose it is, and what it is built on."""
        return {
            "change_id": str(uuid.uuid4()),
            "tenant_id": self._bearer.tenant_id,
            "directory_id": self._bearer.directory_id,
            "recorded_at": datetime.now(UTC),
            "reply": True,
            "base": base,
        }

    async def settle(
        self, *changes: AnyScimChange, resource_id: str, body: Document | None = None
    ) -> list[Outcome]:
        """Publish changes in their order, and return their outcomes.

        Args:
            changes: of one request; each asks for a reply.
            resource_id: what the request is about.
            body: of a creation, by which the same request is known again.

        Raises:
            SCIMException: one was refused; the error that its outcome names.
            StaleError: one was built on something older than what is known.
            GivenUpError: the outcome is not there in time; the changes may still land.
            UnavailableError: Postgres is away; nothing was published.
        """
        if asyncio.get_running_loop().time() >= self._deadline:
            raise BusyError(self._bearer.provider)
        with ExitStack() as waiting:
            expected = [
                waiting.enter_context(
                    self._outcomes.expected(each.tenant_id, each.change_id, self._deadline)
                )
                for each in changes
            ]
            try:
                await self._publisher.publish_all(changes, SOURCE)
                outcomes = [await outcome() for outcome in expected]
            except (NotDurableError, OutcomeTimeoutError) as error:
                await self._given_up.note(self._bearer, resource_id, body)
                raise GivenUpError(self._bearer.provider) from error
            except asyncio.CancelledError:  # the gateway ends, or the client is gone
                await asyncio.shield(self._given_up.note(self._bearer, resource_id, body))
                raise
        for outcome in outcomes:
            _raise_for(outcome)
        return outcomes

    async def adopted_id(self, body: Document) -> str | None:
        """The id that the same creation got before, if its answer was given up; once.

        Raises:
            UnavailableError: Postgres is away.
        """
        return await self._given_up.adopted_id(self._bearer, body)

    def new_id(self, change: dict[str, Any]) -> str:
        """The id of a resource that a change creates: a UUIDv7 of its time."""
        return ids.ordered(change["recorded_at"], change["tenant_id"], change["change_id"])


def _raise_for(outcome: Outcome) -> None:
    detail = outcome.body.get("detail")
    match outcome.body.get("error"):
        case None:
            return
        case "stale":
            raise StaleError
        case "gone":
            raise GoneError
        case "uniqueness":
            raise UniquenessException(detail=detail)
        case "mutability":
            raise MutabilityException(detail=detail)
        case "not_found":
            raise NotFoundException(detail=detail)
        case _:
            raise RefusedOutcomeError(outcome.status, detail)
