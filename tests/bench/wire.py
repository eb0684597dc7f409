"""A client that costs little, since it shares the cores with what it measures."""

import http.client
import json
import threading
import time
from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit


class Wire:
    """Sends JSON with a token over one kept connection a thread; each request is timed."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._headers = {"Authorization": token, "Content-Type": "application/scim+json"}
        self._mine = threading.local()
        self._open: list[http.client.HTTPConnection] = []
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        """Of each kind of request."""

    def ask(self, kind: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        payload = None if body is None else json.dumps(body).encode()
        connection = self._connection()
        begun = time.perf_counter()
        connection.request(method, path, payload, self._headers)
        answer = connection.getresponse()
        read = answer.read()
        self.seconds[kind].append(time.perf_counter() - begun)
        return answer.status, json.loads(read) if read else None

    def close(self) -> None:
        """Close all connections."""
        for each in self._open:
            each.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._mine, "connection"):
            self._mine.connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
            self._open.append(self._mine.connection)
        found: http.client.HTTPConnection = self._mine.connection
        return found
