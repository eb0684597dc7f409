"""The SCIM 2.0 door: authenticated before anything is read, bounded by waiting (DESIGN §5)."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import msgspec
from scim2_models import SCIMException
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from ingest import bodies
from ingest.answers import log_failure
from ingest.connections import Connections
from ingest.measuring import ELSEWHERE, ROUTE
from ingest.outcomes import Outcomes
from ingest.publisher import Publisher
from ingest.redaction import Redactor
from ingest.refusals import BusyError, RefusedError
from ingest.scim.body import Body
from ingest.scim.bounds import require_bounded
from ingest.scim.dialects.translation import Translation
from ingest.scim.dialects.urls import path_of, query_of
from ingest.scim.errors import response_of
from ingest.scim.given_up import GivenUp
from ingest.scim.handler import Handler
from ingest.scim.reading import Reading
from ingest.scim.resources import provider_for
from ingest.scim.revisions import Revisions
from ingest.scim.service import Service
from ingest.scim.storage import DirectoryStorage
from ingest.scim.tokens import Bearer, Tokens
from ingest.scim.writes import Writes
from ingest.scim.writing import Writing
from schemas import limits
from schemas.settings import SCIM, Settings

_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_ENDPOINTS: Final = frozenset(
    {"Users", "Groups", "Bulk", ".search", "Schemas", "ResourceTypes", "ServiceProviderConfig"}
)
_URL: Final = ":/?#[]@!$&'()*+,;=%"  # what a URL is made of (RFC 3986 §2.2)
_BODIES: Final = frozenset({"POST", "PUT", "PATCH"})


class ScimDoor:
    """Serves the directory whose token a request brings."""

    def __init__(
        self,
        settings: Settings,
        connections: Connections,
        publisher: Publisher,
        outcomes: Outcomes,
        redactor: Redactor,
    ) -> None:
        self._base_url = settings.scim_url
        self._connections = connections
        self._publisher = publisher
        self._outcomes = outcomes
        self._tokens = Tokens(connections)
        self._redactor = redactor
        self._revisions = Revisions()
        self._given_up = GivenUp(connections)
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(limits.SCIM_AT_ONCE)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        deadline = asyncio.get_running_loop().time() + limits.OUTCOME_SECONDS
        try:
            response = await self._response(scope, receive, deadline)
        except ClientDisconnect:
            return  # nobody is there to be answered
        await _send(response, send)

    async def _response(self, scope: Scope, receive: Receive, deadline: float) -> ScimResponse:
        path = path_of(scope["path"].removeprefix(SCIM))
        scope[ROUTE] = _route(scope["method"], path)
        try:
            headers = Headers(scope=scope)
            bearer = await self._tokens.bearer(headers.getlist("authorization"))
            body = b""
            if scope["method"] in _BODIES:
                body = await bodies.read(receive, limits.SCIM_BODY)
            request = ScimRequest(
                method=scope["method"],
                base_url=self._base_url,
                path=path,
                headers=headers.items(),
                body=body,
            )
            turn = self._turns[bearer.tenant_id]
            try:
                async with asyncio.timeout_at(deadline):
                    await turn.acquire()
            except TimeoutError:
                raise BusyError(bearer.provider) from None
            try:
                query = scope["query_string"].decode("latin-1")
                return await self._handled(bearer, request, query, deadline)
            finally:
                turn.release()
        except RefusedError as refused:
            return response_of(refused)

    async def _handled(
        self, bearer: Bearer, request: ScimRequest, query: str, deadline: float
    ) -> ScimResponse:
        provider = provider_for(bearer.own_attributes)
        body = Body(request.body)
        service = Service(provider, bearer.provider, body)
        unwritten = partial(self._given_up.is_unwritten, bearer)
        reading = Reading(self._connections, bearer, self._revisions, unwritten)
        writing = Writing(self._given_up, self._publisher, self._outcomes, bearer, deadline)
        writes = Writes(bearer, reading, writing, self._redactor)
        handler = Handler(service, DirectoryStorage(provider, reading, writes, self._base_url))
        try:
            request.query = query_of(query)
            require_bounded(request, body.sent)
            _translate(request, body, Translation(bearer.provider, bearer.own_attributes))
            response = await handler.handle(request)
        except SCIMException as refused:
            response = service.error_response(refused)
        except RefusedError:
            raise
        except Exception as error:  # noqa: BLE001 # it is logged and answered
            log_failure(error)
            response = service.error_response(error)
        response.headers.setdefault("Location", quote(request.url, safe=_URL))
        return response


def _translate(request: ScimRequest, body: Body, translation: Translation) -> None:
    request.query = translation.query(request.query)
    body.translate(translation, request.method, request.path)


def _route(method: str, path: str) -> str:
    """What measurements call a request: a sender must not choose labels."""
    endpoint, _, resource_id = path.strip("/").partition("/")
    if method not in _METHODS or endpoint not in _ENDPOINTS:
        return ELSEWHERE
    return f"{method} {SCIM}/{endpoint}{'/{id}' if resource_id else ''}"


async def _send(response: ScimResponse, send: Send) -> None:
    body = b"" if response.body is None else msgspec.json.encode(response.body)
    headers = {"Cache-Control": "no-store", **response.headers}
    if not body:
        headers.pop("Content-Type", None)
    start: dict[str, Any] = {
        "type": "http.response.start",
        "status": int(response.status),
        "headers": list(_encoded(headers.items(), len(body))),
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _encoded(headers: Iterable[tuple[str, str]], length: int) -> Iterable[tuple[bytes, bytes]]:
    for name, value in headers:
        yield name.lower().encode("latin-1"), value.encode("latin-1", "replace")
    yield b"content-length", str(length).encode()
