"""How a simulated IdP speaks HTTP: a bounded number of requests at once, repeats, and notes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, TypeVar

import httpx2

from deploy.cli.errors import CommandError
from deploy.simulate.report import EXAMPLE, Report

Body = dict[str, Any]
Item = TypeVar("Item")

ANSWER_SECONDS: Final = 60.0
"""How long an IdP waits for an answer (Okta and Entra, idp-facts §D)."""
TRIES: Final = 10
"""How often a request is sent at most."""
REPEATED: Final = frozenset({429, 503})
"""What is sent again once Retry-After has passed."""
_LOST: Final = "nothing says that this provider tries again"
LONGEST_PAUSE: Final = 30.0
"""Seconds before a repeat at most, whatever Retry-After says: somebody watches."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Body | None
    """None where there was none, or no JSON object."""
    content_type: str
    said: str
    """The request and the beginning of the answer, for people."""
    ok: bool
    """Whether the status is one that the provider expects."""


class Wire:
    """One connection to the target, and the notes about it."""

    def __init__(
        self,
        report: Report,
        *,
        unauthorised: str,
        at_once: int,
        not_repeated: frozenset[int] = frozenset(),
    ) -> None:
        """Nothing is sent yet.

        Args:
            report: takes the notes.
            unauthorised: what to do about a 401, for people.
            at_once: requests under way at a time.
            not_repeated: statuses that the provider itself may not repeat: each is a surprise.
        """
        self.report = report
        self.at_once = at_once
        self.url = ""
        """The base URL."""
        self.on_progress: Callable[[int, int], None] = lambda _, __: None
        self.understood = False
        """Whether anything was answered with success and a JSON object."""
        self._http: httpx2.AsyncClient | None = None
        self._unauthorised = unauthorised
        self._not_repeated = not_repeated

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[None]:
        """Take a base URL and the headers of every request.

        Raises:
            CommandError: the URL is none.
        """
        self.url = url.rstrip("/")
        # More connections than requests at once are never needed.
        bounds = httpx2.Limits(max_connections=self.at_once, max_keepalive_connections=self.at_once)
        try:
            self._http = httpx2.AsyncClient(
                base_url=f"{self.url}/", headers=headers, timeout=ANSWER_SECONDS, limits=bounds
            )
        except httpx2.InvalidURL as error:
            raise CommandError(f"{url} is no URL ({error}): check --url.") from error
        async with self._http:
            yield

    async def each(self, do: Callable[[Item], Awaitable[None]], items: Iterable[Item]) -> None:
        """Do something with all of them, some at once, begun in their order."""
        todo = [*items]
        waiting, done = iter(todo), 0

        async def worker() -> None:
            nonlocal done
            for item in waiting:  # shared by all workers: each item is taken once
                await do(item)
                done += 1
                self.on_progress(done, len(todo))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.at_once):
                    group.create_task(worker())
        except* CommandError as errors:
            raise errors.exceptions[0] from None

    async def ask(
        self,
        kind: str,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        expects: Iterable[int] = (200,),
        headers: Callable[[bytes], Mapping[str, str]] = lambda _: {},
        reads: bool | None = None,
    ) -> Answer:
        """Send a request until it is answered with something else than "later".

        An answer that the provider does not expect is a surprise; it goes on without.

        Args:
            kind: what people call this kind of request.
            method: of HTTP.
            path: below the base URL, percent-encoded, its query with it.
            body: JSON.
            expects: statuses.
            headers: what goes with the body, made anew for each try.
            reads: whether it changes nothing; None: a GET does not.

        Raises:
            CommandError: the token is refused, or nobody is there.
        """
        content = b"" if body is None else json.dumps(body).encode()
        writes = method != "GET" if reads is None else not reads
        for number in range(1, TRIES + 1):
            response = await self._send(
                kind, method, path, content, headers(content), writes=writes
            )
            if response is None:
                pause = 1.0
            elif response.status_code not in REPEATED:
                return self._answer(kind, response, expects)
            else:
                pause = _pause(response)
                if response.status_code in self._not_repeated:
                    self.report.surprise(kind, f"is answered {response.status_code}: {_LOST}", path)
            if number < TRIES:
                await asyncio.sleep(pause)
        said = f"{method} {path}"
        self.report.surprise(kind, f"was not answered in {TRIES} tries", said)
        return Answer(0, None, "", said, ok=False)

    async def _send(
        self,
        kind: str,
        method: str,
        path: str,
        content: bytes,
        headers: Mapping[str, str],
        *,
        writes: bool,
    ) -> httpx2.Response | None:
        assert self._http is not None, "it was opened"
        begun = time.perf_counter()
        try:
            response = await self._http.request(method, path, content=content, headers=headers)
        except httpx2.TransportError as error:
            if isinstance(error, httpx2.ConnectError) and not self.understood:
                raise CommandError(
                    f"Nobody answers at {self.url} ({error}): check --url, and that the gateway"
                    " runs."
                ) from error
            self.report.note(kind, "none", time.perf_counter() - begun, writes=writes)
            self.report.surprise(kind, f"got no answer: {type(error).__name__}", f"{method} {path}")
            return None
        took = time.perf_counter() - begun
        self.report.note(kind, str(response.status_code), took, writes=writes)
        return response

    def _answer(self, kind: str, response: httpx2.Response, expects: Iterable[int]) -> Answer:
        request, status = response.request, response.status_code
        if status == 401:
            raise CommandError(f"{self.url} answers 401: {self._unauthorised}")
        target = request.url.raw_path.decode()
        said = f"{request.method} {target} → {status} {response.text[:EXAMPLE]}"
        try:
            found = response.json() if response.content else None
        except ValueError:
            found = None
        body = found if isinstance(found, dict) else None
        ok = status in expects
        self.understood |= body is not None and response.is_success
        if not ok:
            self.report.surprise(kind, f"is answered {status}, {_why(body)}", said)
        kind_of_content = response.headers.get("Content-Type", "")
        return Answer(status, body, kind_of_content, said, ok)


def _why(body: Body | None) -> str:
    return str((body or {}).get("scimType") or "which it does not expect")


def _pause(response: httpx2.Response) -> float:
    """Seconds; Retry-After as a date is taken for one of them."""
    given = response.headers.get("Retry-After", "1")
    return min(float(given), LONGEST_PAUSE) if given.isdecimal() else 1.0
