"""Every answer that is no success, in one shape: {"error": code, "detail": what to do}."""

import traceback
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.refusals import InvalidRequestError, RefusedError

log = structlog.get_logger(__name__)

_Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]
_REASONS = {
    404: ("not_found", "There is nothing at this URL: check its path."),
    405: ("method_not_allowed", "This URL takes another method."),
}
_UNREADABLE = ("invalid", "The body cannot be read: send JSON in UTF-8.")


class Problem(BaseModel):
    """Why a request got no 2xx."""

    error: str
    """For programs."""
    detail: str
    """For people: what to do."""


class Answering:
    """Answers whatever a request raises.

    It stands inside the frameworks' own catch-alls, which would answer in another shape and hand
    the exception, with what was sent in its text, to the server's log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if started:
                raise
            await _answer_to(error)(scope, receive, send)


def refusal(error: RefusedError) -> JSONResponse:
    """The answer to a request that was refused."""
    return _answer(error.code, error.detail, error.status, error.headers)


async def of_framework(_: Request, error: HTTPException) -> JSONResponse:
    """The answer to a URL or method that is not there, or to a body that does not parse."""
    code, detail = _REASONS.get(error.status_code, _UNREADABLE)
    return _answer(code, detail, error.status_code, error.headers)


async def of_validation(_: Request, error: RequestValidationError) -> JSONResponse:
    """The answer that names each wrong field or parameter, without its value."""
    return refusal(InvalidRequestError("; ".join(_complaint(item) for item in error.errors())))


HANDLERS: dict[int | type[Exception], _Handler] = {
    HTTPException: of_framework,
    RequestValidationError: of_validation,
}
"""What both frameworks are given for their own exceptions."""


def _answer(code: str, detail: str, status: int, headers: Mapping[str, str] | None) -> JSONResponse:
    return JSONResponse(Problem(error=code, detail=detail).model_dump(), status, headers)


def _complaint(item: dict[str, Any]) -> str:
    if item["type"] == "json_invalid":
        return "the body is not JSON"
    # The first part of a place is where it was sent: body, query, path.
    place = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
    return f"{place}: {item['msg']}"


def _answer_to(error: Exception) -> JSONResponse:
    if isinstance(error, RefusedError):
        return refusal(error)
    log_failure(error)
    return refusal(RefusedError("Something failed here; the log says where."))


def log_failure(error: Exception) -> None:
    """Log a mistake of ours.

    Its text may hold what was sent, so only its kind and its place are told.
    """
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    where = [f"{frame.filename}:{frame.lineno}" for frame in frames]
    log.error("a request failed", kind=type(error).__name__, where=where)
