"""A first sync by SCIM as Okta does it: look each person up, make them, then fill the groups."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from urllib.parse import quote

import httpx2

from tests.bench.figures import Figure, percentile
from tests.bench.wire import Wire
from tests.harness import World
from tests.scim.idp import GROUP as GROUP_SCHEMA
from tests.scim.idp import PATCH, USER, Admin, adds

AT_ONCE = {1: "120", 16: "450", 64: "550"}
"""Requests at once, and the goal in people a second."""
GROUP = 200
"""People in a group, which Okta adds by 100."""
HUNDRED = 100
JOINS = 40
FEW = 10
SINGLE_GOAL = "7 ms"
_PATH = "/scim/v2"


class Sync:
    """One first sync."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def person(self, number: int) -> str:
        """Look somebody up who is not there, and make them."""
        name = f"p{number:06}"
        sought = quote(f'userName eq "{name}@acme.example"')
        path = f"{_PATH}/Users?filter={sought}&startIndex=1&count=100"
        status, found = self._wire.ask("look-up", "GET", path)
        assert (status, found["totalResults"]) == (200, 0)
        status, made = self._wire.ask("POST of a user", "POST", f"{_PATH}/Users", _okta(name))
        assert status == 201, made
        return str(made["id"])

    def group(self, name: str, people: list[str]) -> None:
        """Make an empty group, and add people by hundreds."""
        empty = {"schemas": [GROUP_SCHEMA], "displayName": name, "members": []}
        status, group = self._wire.ask("POST of a group", "POST", f"{_PATH}/Groups", empty)
        assert status == 201, group
        for start in range(0, len(people), HUNDRED):
            body = {"schemas": [PATCH], "Operations": [adds(*people[start : start + HUNDRED])]}
            path = f"{_PATH}/Groups/{group['id']}"
            status, patched = self._wire.ask("PATCH of 100 members", "PATCH", path, body)
            assert status in {200, 204}, patched


def measured(world: World, people: int) -> Iterator[Figure]:
    """With 1, 16 and 64 requests at once, as many people each, and a tenant of its own for each."""
    count = max(JOINS + FEW, min(2_000, people // 50))
    with ExitStack() as running:
        stages = world.processes("processors", "sinks", "gateway")
        processes = running.enter_context(stages)
        token = {"Authorization": f"Bearer {world.settings.require_admin_token()}"}
        http = httpx2.Client(base_url=world.settings.url, headers=token, timeout=60)
        running.enter_context(http)
        for at_once, goal in AT_ONCE.items():
            admin = Admin(http, f"sync-{at_once}")
            admin.open()
            with admin.idp("okta") as idp, ThreadPoolExecutor(at_once) as pool:
                wire = Wire(world.settings.url, idp.http.headers["Authorization"])
                with closing(wire):
                    used = {stage: each.cpu_seconds() for stage, each in processes.items()}
                    begun = time.perf_counter()
                    made = _synced(Sync(wire), pool, count)
                    took = time.perf_counter() - begun
                    spent = {
                        stage: each.cpu_seconds() - used[stage] for stage, each in processes.items()
                    }
                    if at_once == 1:
                        yield _joining(wire, made)
                how = f"{at_once} at once"
                yield Figure(
                    f"SCIM first sync of {count:,} people, {how}",
                    count / took,
                    "people/s",
                    goal=goal,
                )
                yield from _requests(wire, how, single=at_once == 1)
                for stage, seconds in spent.items():
                    name = f"CPU of {stage} for 1,000 people, {how}"
                    yield Figure(name, seconds * 1_000 / count, "s")


def _synced(sync: Sync, pool: ThreadPoolExecutor, count: int) -> list[str]:
    """The ids of all."""
    made = list(pool.map(sync.person, range(count)))
    groups = [made[start : start + GROUP] for start in range(0, count, GROUP)]
    names = [f"Group {number}" for number in range(len(groups))]
    list(pool.map(sync.group, names, groups))
    return made


def _joining(wire: Wire, people: list[str]) -> Figure:
    """What one more member costs in a group of nearly everybody, and in one of a few."""
    joining, others = people[:JOINS], people[JOINS:]
    took = []
    for name, members in (("Few", others[:FEW]), ("Everybody", others)):
        body = {"schemas": [GROUP_SCHEMA], "displayName": name}
        given = [{"value": each} for each in members]
        _, group = wire.ask("", "POST", f"{_PATH}/Groups", body | {"members": given})
        for each in joining:
            patch = {"schemas": [PATCH], "Operations": [adds(each)]}
            status, answer = wire.ask(name, "PATCH", f"{_PATH}/Groups/{group['id']}", patch)
            assert status in {200, 204}, answer
        took.append(percentile(wire.seconds.pop(name), 0.5) * 1_000)
    wire.seconds.pop("")
    few, all_ = took
    what = f"PATCH of one member into a group of {len(others):,}, p50"
    return Figure(what, all_, "ms", few, f"into one of {FEW}", "1")


def _requests(wire: Wire, how: str, *, single: bool) -> Iterator[Figure]:
    for kind, seconds in wire.seconds.items():
        for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
            goal = SINGLE_GOAL if single and kind == "POST of a user" and name == "p50" else ""
            value = percentile(seconds, share) * 1_000 if len(seconds) > 1 else seconds[0] * 1_000
            yield Figure(f"{kind}, {how}, {name}", value, "ms", goal=goal)


def _okta(name: str) -> dict[str, object]:
    """What Okta posts (idp-facts §4.3)."""
    return {
        "schemas": [USER],
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
