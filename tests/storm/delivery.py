"""WorkOS in a storm: paced, signed, and repeated until each webhook is answered 200."""

import itertools
import json
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx2

from deploy.simulate.workos import Event, sign

POSTERS = 8
ANSWER_SECONDS = 15


class Delivery:
    """Posts events at a pace to one of some gateways, and to the next where that fails.

    What nobody acknowledges is posted again later.
    """

    def __init__(
        self, urls: Sequence[str], secret: str, events: Sequence[Event], per_second: float
    ) -> None:
        """`urls`: of the gateways."""
        self.acknowledged: set[str] = set()
        self.repeats = 0
        """Posts of what was acknowledged before."""
        self.share = 1.0
        """How much of all events may be posted by now; meanwhile WorkOS repeats itself."""
        self.events = [*events]
        self._urls, self._secret = urls, secret
        self._count = len({event["id"] for event in events})
        self._pace = POSTERS / per_second
        self._begun = 0
        self._again: list[Event] = []
        self._rng = random.Random(len(events))
        self._tickets = itertools.count()
        self._under_way: dict[int, str] = {}
        self._broken: set[int] = set()
        self._lock = threading.Lock()
        self._done = threading.Event()

    def allow(self, more: float) -> None:
        """Let that share of the events happen besides."""
        self.share = min(1.0, self.share + more)

    @property
    def is_short(self) -> bool:
        """Whether all events have been begun."""
        return self._begun == len(self.events)

    def add(self, event: Event) -> None:
        """Let something more happen."""
        with self._lock:
            self.events.append(event)
            self._count += 1

    def has_got(self, share: float) -> bool:
        """Whether that share of the events was acknowledged."""
        return len(self.acknowledged) >= share * self._count

    def under_way(self, url: str) -> set[int]:
        """Requests to a gateway that have been sent and are not answered yet."""
        with self._lock:
            return {ticket for ticket, where in self._under_way.items() if where == url}

    def broken(self, requests: set[int]) -> set[int]:
        """Those of some requests that ended without an answer."""
        return requests & self._broken

    @contextmanager
    def running(self) -> Iterator["Delivery"]:
        """Post in the background until the block ends."""
        threads = [threading.Thread(target=self._post_all, args=[n]) for n in range(POSTERS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _post_all(self, number: int) -> None:
        with httpx2.Client(timeout=ANSWER_SECONDS) as client:
            while not self._done.wait(self._pace):
                if (event := self._next()) is None:
                    continue
                urls = [*self._urls[number % len(self._urls) :], *self._urls]
                if any(self._post(client, url, event) for url in urls[: len(self._urls)]):
                    self.acknowledged.add(event["id"])
                else:
                    self._again.append(event)  # WorkOS tries again later

    def _next(self) -> Event | None:
        with self._lock:
            if self._begun < len(self.events) * self.share:
                self._begun += 1
                return self.events[self._begun - 1]
            if self._again:
                return self._again.pop()
            if self._begun < len(self.events):
                self.repeats += 1
                return self._rng.choice(self.events[: self._begun])
        return None

    def _post(self, client: httpx2.Client, url: str, event: Event) -> bool:
        body = json.dumps(event).encode()
        headers = {"WorkOS-Signature": sign(body, self._secret, datetime.now(UTC))}
        with self._lock:
            ticket = next(self._tickets)
            self._under_way[ticket] = url
        try:
            answer = client.post(f"{url}/api/webhooks/workos", content=body, headers=headers)
        except httpx2.TransportError:
            self._broken.add(ticket)
            return False
        finally:
            with self._lock:
                del self._under_way[ticket]
        return answer.status_code == 200
