"""The door for WorkOS's webhooks: verified, translated, and safe in Kafka before the 200."""

import time
from datetime import UTC, datetime
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse

from ingest.directories import DirectoryOwners
from ingest.publisher import UNASSIGNED, Publisher
from ingest.refusals import InvalidEventError, NotConfiguredError, UnsignedError
from ingest.workos import signature, translation
from schemas.settings import Settings

log = structlog.get_logger(__name__)

SOURCE: Final = "rollcall/ingest/workos"
"""The ce_source of what comes through this door."""


class WorkosWebhook:
    """Takes one event a request."""

    def __init__(
        self, settings: Settings, publisher: Publisher, directories: DirectoryOwners
    ) -> None:
        self._secrets = settings.workos_webhook_secrets
        self._tolerance = settings.workos_tolerance_seconds
        self._publisher = publisher
        self._directories = directories
        if not self._secrets:
            log.warning("webhooks are refused: ROLLCALL_WORKOS_WEBHOOK_SECRETS is not set")

    async def receive(self, request: Request) -> JSONResponse:
        """Answer 200 once the event is safe, or when it means nothing to us.

        Raises:
            RefusedError: 400, 401 or 503, as its subclass says.
        """
        if not self._secrets:
            raise NotConfiguredError(
                "No webhook secret is set: set ROLLCALL_WORKOS_WEBHOOK_SECRETS and restart."
            )
        body = await request.body()
        self._verify(body, request.headers.getlist(signature.HEADER))
        match _read(body):
            case translation.Ignored(event_type):
                log.info("a webhook is ignored", event_type=event_type)
            case report:
                await self._publish(report)
        return JSONResponse({"status": "accepted"})

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

    async def _publish(self, report: translation.Report) -> None:
        owner = await self._directories.owner(report.directory_id)
        change = translation.change_of(
            report, tenant_id=owner or UNASSIGNED, recorded_at=datetime.now(UTC)
        )
        if owner is not None:
            await self._publisher.publish(change, SOURCE)
            return
        log.warning("a webhook's directory has no tenant", directory_id=report.directory_id)
        await self._publisher.set_aside(change, SOURCE)


def _read(body: bytes) -> translation.Report | translation.Ignored:
    try:
        return translation.read(body)
    except InvalidEventError as error:
        log.warning("a webhook is no event", detail=error.detail)
        raise
