"""The admin API's bearer token."""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.refusals import UnauthenticatedError


class Authentication:
    """Lets a request through that carries `Authorization: Bearer <token>`, to the letter.

    It stands before the routes and before the body is read: whoever has no token learns nothing.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        assert token, "an empty token would open the door"
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI)."""
        if scope["type"] == "http":
            self._require(Headers(scope=scope).getlist("authorization"))
        await self._app(scope, receive, send)

    def _require(self, sent: list[str]) -> None:
        # Bytes, because compare_digest takes no text beyond ASCII; headers are latin-1.
        if len(sent) != 1 or not hmac.compare_digest(sent[0].encode("latin-1"), self._expected):
            raise UnauthenticatedError
