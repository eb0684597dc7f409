"""The door for WorkOS's webhooks: verified, translated, and safe in Kafka before the 200."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from ingest import bodies
from ingest.attributes import text
from ingest.directories import DirectoryOwners
from ingest.publisher import Publisher
from ingest.redaction import Redactor
from ingest.refusals import (
    BodyTooLargeError,
    InvalidEventError,
    NotConfiguredError,
    RefusedError,
    UnsignedError,
)
from ingest.unassigned import UNASSIGNED
from ingest.workos import payloads, signature, translation, verified
from ingest.workos.redacting import redacted
from schemas import limits, metrics
from schemas.changes import UserReported
from schemas.settings import Settings

log = structlog.get_logger(__name__)

SOURCE: Final = "rollcall/ingest/workos"
"""The ce_source of what comes through this door."""

_WHY: Final[Mapping[type[RefusedError], str]] = {
    UnsignedError: "unsigned",
    InvalidEventError: "not_an_event",
    BodyTooLargeError: "too_large",
}
_ACCEPTED: Final = JSONResponse({"status": "accepted"})


class WorkosWebhook:
    """Takes one event a request.

    It reads and answers by itself: a framework's layers would take longer than all the rest.
    """

    def __init__(
        self,
        settings: Settings,
        publisher: Publisher,
        directories: DirectoryOwners,
        redactor: Redactor,
    ) -> None:
        self._secrets = settings.workos_webhook_secrets
        self._tolerance = settings.workos_tolerance_seconds
        self._publisher = publisher
        self._directories = directories
        self._redactor = redactor
        if not self._secrets:
            log.warning("webhooks are refused: ROLLCALL_WORKOS_WEBHOOK_SECRETS is not set")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 once the event is safe, or when it means nothing to us (ASGI).

        Raises:
            HTTPException: 405; here, since the route would leave other methods to `/api`.
            RefusedError: 400, 401, 413 or 503, as its subclass says.
        """
        if scope["method"] != "POST":
            raise HTTPException(405, headers={"Allow": "POST"})
        try:
            body = await bodies.read(receive, limits.WEBHOOK_BODY)
            await self._accept(body, Headers(scope=scope).getlist(signature.HEADER))
        except ClientDisconnect:
            return  # nobody is there to be answered
        except RefusedError as error:
            if (why := _WHY.get(type(error))) is not None:
                metrics.WEBHOOKS_REFUSED.labels(why).inc()
            raise
        await _ACCEPTED(scope, receive, send)

    async def _accept(self, body: bytes, signatures: list[str]) -> None:
        if not self._secrets:
            raise NotConfiguredError(
                "No webhook secret is set: set ROLLCALL_WORKOS_WEBHOOK_SECRETS and restart."
            )
        self._verify(body, signatures)
        try:
            await self._take(translation.read(body))
        except InvalidEventError as error:
            log.warning("a webhook is no event", detail=error.detail)
            raise

    def _verify(self, body: bytes, headers: list[str]) -> None:
        try:
            signature.verify(
                body,
                headers,
                self._secrets,
                tolerance_seconds=self._tolerance,
                now=time.time(),
            )
        except UnsignedError as error:
            log.warning("a webhook is not signed", check=error.why)
            raise

    async def _take(self, said: translation.Report | translation.Ignored) -> None:
        if isinstance(said, translation.Ignored):
            _ignore(said.event_type)
            return
        owner = await self._directories.owner(said.directory_id)
        change = translation.change_of(
            said, tenant_id=owner.tenant_id if owner else UNASSIGNED, recorded_at=datetime.now(UTC)
        )
        if isinstance(change, UserReported):
            change = redacted(change, self._redactor, owner.kept_as_sent if owner else ())
        domains = verified.domains_of(said, change)
        changes = [change] if domains is None else [change, domains]
        unknown = isinstance(said.data, payloads.Unknown)
        if owner is not None:
            await self._publisher.publish_all(changes, SOURCE)
        elif not unknown:
            log.warning("a webhook's directory has no tenant", directory_id=said.directory_id)
            await self._publisher.set_aside(changes, SOURCE)
        if unknown:
            _ignore(said.event_type)


def _ignore(event_type: str) -> None:
    metrics.WEBHOOKS_IGNORED.inc()
    log.info("a webhook of an unknown type is ignored", event_type=text(event_type))
