"""Writes of SCIM: changes that go through Kafka, answered with what became of them (DESIGN §5)."""

import asyncio
import hashlib
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from scim2_models import MutabilityException, NotFoundException, UniquenessException

from ingest.connections import Connections
from ingest.outcomes import Outcome, Outcomes
from ingest.publisher import Publisher
from ingest.refusals import GivenUpError, NotDurableError, OutcomeTimeoutError, RefusedError
from ingest.scim.errors import RefusedOutcomeError, StaleError
from ingest.scim.tokens import Bearer
from schemas import ids
from schemas.scim import AnyScimChange, Document

SOURCE: Final = "rollcall/ingest/scim"
"""The ce_source of what comes through this door."""

_REMEMBER: Final = """
    INSERT INTO given_up (tenant_id, directory_id, change_id, request_hash, given_up_at)
    VALUES (%(tenant_id)s, %(directory_id)s, %(resource_id)s, %(hash)s, now())
    ON CONFLICT (tenant_id, directory_id, change_id) DO UPDATE SET given_up_at = now()
"""
_FORGET_OLD: Final = "DELETE FROM given_up WHERE given_up_at < now() - interval '24 hours'"
_ADOPT: Final = """
    DELETE FROM given_up WHERE (tenant_id, directory_id, change_id) IN (
        SELECT tenant_id, directory_id, change_id FROM given_up
        WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s
        AND request_hash = %(hash)s AND given_up_at > now() - interval '24 hours'
        LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING change_id
"""


class Writing:
    """Publishes changes of one directory, and waits for their outcomes until a deadline."""

    def __init__(
        self,
        connections: Connections,
        publisher: Publisher,
        outcomes: Outcomes,
        bearer: Bearer,
        deadline: float,
    ) -> None:
        """For one request.

        Args:
            connections: to Postgres.
            publisher: to Kafka.
            outcomes: tells what became of changes.
            bearer: whose request it is.
            deadline: by the event loop's clock; waiting for a turn counts.
        """
        self._connections = connections
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
                await self._give_up(resource_id, body)
                raise GivenUpError(self._bearer.provider) from error
        for outcome in outcomes:
            _raise_for(outcome)
        return outcomes

    async def adopted_id(self, body: Document) -> str | None:
        """The id that the same creation got before, if its answer was given up; once.

        Raises:
            UnavailableError: Postgres is away.
        """
        found, *_ = await self._connections.rows(
            self._bearer.tenant_id, (_ADOPT, self._named("", body))
        )
        return found[0]["change_id"] if found else None

    def new_id(self, change: dict[str, Any]) -> str:
        """The id of a resource that a change creates: a UUIDv7 of its time."""
        return ids.ordered(change["recorded_at"], change["tenant_id"], change["change_id"])

    async def _give_up(self, resource_id: str, body: Document | None) -> None:
        """Remember that something may still land, whatever becomes of this request."""
        note = self._connections.rows(
            self._bearer.tenant_id,
            (_REMEMBER, self._named(resource_id, body)),
            (_FORGET_OLD, {}),
        )
        try:
            await asyncio.shield(note)
        except RefusedError:
            return  # without Postgres nothing is answered that could forget it

    def _named(self, resource_id: str, body: Document | None) -> dict[str, str]:
        return {
            "tenant_id": self._bearer.tenant_id,
            "directory_id": self._bearer.directory_id,
            "resource_id": resource_id or str(uuid.uuid4()),
            "hash": "" if body is None else _hash(body),
        }


def _hash(body: Document) -> str:
    """Of the normalised body: the order of attributes does not count."""
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()


def _raise_for(outcome: Outcome) -> None:
    detail = outcome.body.get("detail")
    match outcome.body.get("error"):
        case None:
            return
        case "stale":
            raise StaleError
        case "uniqueness":
            raise UniquenessException(detail=detail)
        case "mutability":
            raise MutabilityException(detail=detail)
        case "not_found":
            raise NotFoundException(detail=detail)
        case _:
            raise RefusedOutcomeError(outcome.status, detail)
