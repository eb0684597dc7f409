"""Counts requests and measures how long each took, by its route."""

import time
from collections.abc import Callable, Collection
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas import metrics

ROUTE = "rollcall.route"
"""The key of a request's scope under which a door may say itself which route it took."""
ELSEWHERE = "elsewhere"
"""The route of whatever leads to nothing: a sender must not choose labels."""


class Measuring:
    """Stands outermost, so that what it sees is what the client gets.

    All but the server's own 503 when its connections are taken: `Server.why_not_ready` tells of it.
    """

    def __init__(self, app: ASGIApp, doors: Collection[str]) -> None:
        """Wrap an application.

        Args:
            app: what answers.
            doors: paths without parameters that are routes of their own.
        """
        self._app = app
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                observe = _observer(self._route(scope), message["status"])
                observe(time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, measured)

    def _route(self, scope: Scope) -> str:
        if (path := scope["path"]) in self._doors:
            return str(path)
        if (named := scope.get(ROUTE)) is not None:
            return str(named)
        # FastAPI says which of its routes took the request.
        route = scope.get("route")
        return f"/api{route.path}" if route is not None else ELSEWHERE


@cache  # routes and statuses are few, and looking labels up costs more than counting
def _observer(route: str, status: int) -> Callable[[float], None]:
    count = metrics.REQUESTS.labels(route=route, status=status).inc
    measure = metrics.ACKNOWLEDGEMENT_SECONDS.labels(route=route).observe
    refused = 400 <= status < 500  # at once, and by whoever likes to: they would hide slow ones

    def observe(seconds: float) -> None:
        count()
        if not refused:
            measure(seconds)

    return observe
