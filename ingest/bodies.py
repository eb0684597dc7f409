"""How much of a request's body is read, whatever its Content-Length promises."""

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.refusals import BodyTooLargeError, BodyTooSlowError
from schemas import limits


class BodyLimit:
    """Reads the body before the application does, and refuses it above a limit.

    Bodies here are small, so each is held whole.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        """Wrap an application.

        Args:
            app: gets the body in one piece.
            limit: bytes.
        """
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await read(receive, self._limit)
        except ClientDisconnect:
            return  # nobody is there to be answered
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replay, send)


async def read(receive: Receive, limit: int) -> bytes:
    """The whole body of a request.

    Args:
        receive: of the request (ASGI).
        limit: bytes.

    Raises:
        BodyTooLargeError: it is longer.
        BodyTooSlowError: it was not there within `limits.BODY_SECONDS`.
        ClientDisconnect: the client is gone.
    """
    try:
        async with asyncio.timeout(limits.BODY_SECONDS):
            return await _all(receive, limit)
    except TimeoutError:
        raise BodyTooSlowError from None


async def _all(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLargeError(f"Send a body of at most {limit} bytes.")
        more = message.get("more_body", False)
    return bytes(body)
