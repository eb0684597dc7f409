"""A first sync by SCIM as Okta does it: look each person up, make them, then fill the groups."""

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2

from tests.bench.figures import Figure, percentile
from tests.harness import Process, World
from tests.scim.idp import Admin, Idp, adds

AT_ONCE = {1: "120", 16: "450", 64: "550"}
"""Requests at once, and the goal in people a second."""
GROUP = 200
"""People in a group, which Okta adds by 100."""
HUNDRED = 100
SINGLE_GOAL = "7 ms"


class Sync:
    """One first sync, each request measured by its kind."""

    def __init__(self, idp: Idp) -> None:
        self._idp = idp
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    def person(self, number: int) -> str:
        """Look somebody up who is not there, and make them."""
        name = f"p{number:06}"
        with_filter = {
            "filter": f'userName eq "{name}@acme.example"',
            "startIndex": 1,
            "count": 100,
        }
        found = self._timed("look up", "GET", "Users", params=with_filter).json()
        assert found["totalResults"] == 0
        made = self._timed("POST of a user", "POST", "Users", json=_okta(name))
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def group(self, name: str, people: list[str]) -> None:
        """Make an empty group, and add people by hundreds."""
        group = self._idp.group(name, members=[])
        for start in range(0, len(people), HUNDRED):
            body = {"Operations": [adds(*people[start : start + HUNDRED])]}
            patched = self._timed("PATCH of 100 members", "PATCH", f"Groups/{group}", json=body)
            assert patched.is_success, patched.text

    def _timed(self, kind: str, method: str, path: str, **sent: object) -> httpx2.Response:
        begun = time.perf_counter()
        response = self._idp.http.request(method, path, **sent)  # type: ignore[arg-type] # its keywords
        self.seconds[kind].append(time.perf_counter() - begun)
        return response


def measured(world: World, people: int) -> Iterator[Figure]:
    """With 1, 16 and 64 requests at once, as many people each, and a tenant of its own for each."""
    count = max(HUNDRED, min(2_000, people // 50))
    with ExitStack() as running:
        processes = {
            stage: running.enter_context(world.process(stage))
            for stage in ("processors", "sinks", "gateway")
        }
        token = {"Authorization": f"Bearer {world.settings.require_admin_token()}"}
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
        for at_once, goal in AT_ONCE.items():
            with (
                httpx2.Client(
                    base_url=world.settings.url, headers=token, timeout=60, limits=limits
                ) as http,
                ThreadPoolExecutor(at_once) as pool,
            ):
                admin = Admin(http, f"sync-{at_once}")
                admin.open()
                with admin.idp("okta") as idp:
                    yield from _synced(Sync(idp), pool, at_once, count, goal, processes)


def _synced(
    sync: Sync,
    pool: ThreadPoolExecutor,
    at_once: int,
    count: int,
    goal: str,
    processes: dict[str, Process],
) -> Iterator[Figure]:
    used = {stage: each.cpu_seconds() for stage, each in processes.items()}
    begun = time.perf_counter()
    made = list(pool.map(sync.person, range(count)))
    groups = [made[start : start + GROUP] for start in range(0, count, GROUP)]
    names = [f"Group {number}" for number in range(len(groups))]
    list(pool.map(sync.group, names, groups))
    took = time.perf_counter() - begun
    how = f"{at_once} at once"
    yield Figure(f"SCIM first sync, {how}", count / took, "people/s", goal=goal)
    for kind, seconds in sync.seconds.items():
        single = SINGLE_GOAL if at_once == 1 and kind.startswith("POST") else ""
        for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
            value = percentile(seconds, share) * 1_000
            only = single if name == "p50" else ""
            yield Figure(f"{kind}, {how}, {name}", value, "ms", goal=only)
    for stage, each in processes.items():
        seconds_used = each.cpu_seconds() - used[stage]
        what = f"CPU of {stage} for 1,000 people, {how}"
        yield Figure(what, seconds_used * 1_000 / count, "s")


def _okta(name: str) -> dict[str, object]:
    """What Okta posts (idp-facts §4.3)."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": f"{name}@acme.example",
        "name": {"givenName": name.title(), "familyName": "Lee"},
        "emails": [{"primary": True, "value": f"{name}@acme.example", "type": "work"}],
        "displayName": f"{name.title()} Lee",
        "locale": "en-US",
        "externalId": f"00u{name}",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }
