"""SCIM errors of our own, beside those of the library; each becomes the answer that it names."""

from http import HTTPStatus

from scim2_models import Error, PreconditionFailedException, SCIMException
from scim2_server.responses import ScimResponse

from ingest.refusals import RefusedError, TooSlowError


class StaleError(PreconditionFailedException):
    """Something newer is known than what a write was built on: read again, and build it anew."""


class GoneError(StaleError):
    """What an earlier try of the same creation made was deleted since."""


class RefusedOutcomeError(SCIMException):
    """A change that ended otherwise: undecidable, or its directory is gone."""

    def __init__(self, status: int, detail: str | None) -> None:
        super().__init__(detail=detail)
        self.status = status


class TooLargeError(SCIMException):
    """A user or group that does not fit into one message (RFC 7644 §3.12)."""

    status = 413


def response_of(error: RefusedError) -> ScimResponse:
    """A refusal of ours in SCIM's form (RFC 7644 §3.12)."""
    kind = "tooMany" if isinstance(error, TooSlowError) else None
    body = Error(status=error.status, scim_type=kind, detail=error.detail).model_dump()
    return ScimResponse(HTTPStatus(error.status), body, dict(error.headers))
