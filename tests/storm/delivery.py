"""WorkOS in a storm: paced, signed, and repeated until each webhook is answered 200."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

import httpx2

from deploy.simulate.workos import Event, sign

POSTERS = 4


class Delivery:
    """Posts events at a pace; what is not acknowledged is posted again."""

    def __init__(self, url: str, secret: str, events: Sequence[Event], per_second: float) -> None:
        self.acknowledged: set[str] = set()
        self._waiting: SimpleQueue[Event] = SimpleQueue()
        for event in events:
            self._waiting.put(event)
        self._expected = {event["id"] for event in events}
        self._url, self._secret = f"{url}/api/webhooks/workos", secret
        self._pace = POSTERS / per_second
        self._under_way = 0
        self._lock = threading.Lock()
        self._done = threading.Event()

    @property
    def under_way(self) -> int:
        """Requests that have been sent and are not answered yet."""
        return self._under_way

    @property
    def is_done(self) -> bool:
        """Whether each event was acknowledged."""
        return self.acknowledged >= self._expected

    @contextmanager
    def running(self) -> Iterator["Delivery"]:
        """Post in the background until the block ends."""
        threads = [threading.Thread(target=self._post_all) for _ in range(POSTERS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _post_all(self) -> None:
        with httpx2.Client(timeout=15) as client:
            while not self._done.wait(self._pace):
                try:
                    event = self._waiting.get_nowait()
                except Empty:
                    continue
                if self._post(client, event):
                    self.acknowledged.add(event["id"])
                else:
                    self._waiting.put(event)  # WorkOS tries again later

    def _post(self, client: httpx2.Client, event: Event) -> bool:
        body = json.dumps(event).encode()
        headers = {"WorkOS-Signature": sign(body, self._secret, datetime.now(UTC))}
        with self._lock:
            self._under_way += 1
        try:
            return client.post(self._url, content=body, headers=headers).status_code == 200
        except httpx2.TransportError:
            return False
        finally:
            with self._lock:
                self._under_way -= 1
