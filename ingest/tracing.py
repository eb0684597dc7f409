"""The W3C trace context that a request brought, for the messages that it becomes."""

import re
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

_HEADER = b"traceparent"
_FORM = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def traceparent() -> str | None:
    """The traceparent of the request that is being answered, None if it brought none."""
    return _current.get()


class Tracing:
    """Remembers the traceparent of each request; a malformed one counts as none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI)."""
        if scope["type"] == "http":
            sent = next((value for name, value in scope["headers"] if name == _HEADER), b"")
            _current.set(sent.decode() if _FORM.fullmatch(sent) else None)
        await self._app(scope, receive, send)
