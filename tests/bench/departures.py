"""From a deactivation's webhook to the end of the session, idle and in a flood."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import httpx2
import psycopg

from deploy.simulate import workos
from tests.bench import load
from tests.bench.figures import Figure, percentile
from tests.bench.telling import told
from tests.harness import World
from tests.waiting import eventually

IDLE_GOAL, FLOOD_GOAL = "30 ms", "250 ms"
LATER = datetime(2030, 1, 1, tzinfo=UTC)
LOOK_SECONDS = 0.002
"""Between two looks at a session: looking all the time would take a core from who is measured."""
_OPEN = """
    INSERT INTO session (tenant_id, session_id, member_id, member_revision, label, created_at)
    SELECT tenant_id, member_id, member_id, revision, 'bench', now() FROM member
    ON CONFLICT DO NOTHING RETURNING session_id
"""
_IS_OPEN = (
    "SELECT count(*) FROM session JOIN directory_user USING (tenant_id, member_id) WHERE email = %s"
)


class Leaver:
    """Posts deactivations one after the other and watches the sessions go."""

    def __init__(self, world: World, http: httpx2.Client, database: psycopg.Connection) -> None:
        self._url = f"{world.settings.url}/api/webhooks/workos"
        self._secret = world.settings.workos_webhook_secrets[0]
        self._http, self._database = http, database

    def post(self, event: workos.Event) -> None:
        """As WorkOS would."""
        body = json.dumps(event).encode()
        headers = {"WorkOS-Signature": workos.sign(body, self._secret, datetime.now(UTC))}
        self._http.post(self._url, content=body, headers=headers).raise_for_status()

    def leaves(self, created: workos.Event) -> float:
        """Milliseconds from before the post to a session that is no longer there."""
        asked = [created["data"]["email"]]
        event = workos.deactivation(created, LATER)
        begun = time.perf_counter()
        self.post(event)
        while self._database.execute(_IS_OPEN, asked).fetchone() != (0,):
            time.sleep(LOOK_SECONDS)
        return (time.perf_counter() - begun) * 1_000


def measured(world: World, people: int) -> Iterator[Figure]:
    """First with nothing else to do, then while the same tenant's people arrive."""
    company = load.companies()[0]
    count = max(10, min(200, people // 50))
    events = workos.first_sync(2, 2 * count, 1, company.directory_id, "org_bench")
    created = list(
        {
            each["data"]["id"]: each for each in events if each["event"] == "dsync.user.created"
        }.values()
    )
    flood = load.messages(world, company.people(0, max(10, people // load.RECORDS_OF_A_PERSON)))
    database = world.settings.require_database()
    with (
        load.opened(world, [company]) as worker,
        world.processes("sinks", "gateway"),
        httpx2.Client(timeout=60) as http,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        leaver = Leaver(world, http, connection)
        for each in created:
            leaver.post(each)
        eventually(lambda: _members(world) == len(created), 60)
        assert len(world.rows(_OPEN)) == len(created)
        idle = [leaver.leaves(each) for each in created[:count]]
        yield Figure(
            "deactivation to ended session, idle, p50", percentile(idle, 0.5), "ms", goal=IDLE_GOAL
        )
        yield Figure("the same, p99", percentile(idle, 0.99), "ms")
        before = told(worker.health, load.DECIDED)
        load.publish(world, flood)
        busy = _while(
            lambda: told(worker.health, load.DECIDED) < before + len(flood), leaver, created[count:]
        )
        what = f"deactivation during a flood of {len(flood):,} records of the same tenant"
        yield Figure(f"{what}, p50", percentile(busy, 0.5), "ms")
        yield Figure(f"the same, p99 of {len(busy)}", percentile(busy, 0.99), "ms", goal=FLOOD_GOAL)


def _members(world: World) -> int:
    return int(world.rows("SELECT count(*) AS members FROM member")[0]["members"])


def _while(
    goes_on: Callable[[], bool], leaver: Leaver, created: Sequence[workos.Event]
) -> list[float]:
    """How long each took, as long as the flood lasts; at least two, or there is no percentile."""
    taken: list[float] = []
    for each in created:
        if len(taken) >= 2 and not goes_on():
            break
        taken.append(leaver.leaves(each))
    return taken
