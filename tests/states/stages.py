"""The stages of a world as processes, how they end, and whether all has come through them."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx2

from deploy.simulate.workos import sign
from schemas import limits, topics
from tests.clear import CLEAR
from tests.harness import Process, Stage, World, committed
from tests.ingest.events import event, user
from tests.waiting import eventually

SECONDS = 60.0
ALL: tuple[Stage, ...] = ("gateway", "processors", "sinks")


class Ended(NamedTuple):
    """How a process ended."""

    status: int
    said: str
    """What it logged since it was started."""


class Stages:
    """The processes of one world, one of a stage."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._open = ExitStack()
        self._running: dict[Stage, Process] = {}
        self._begins: dict[Stage, int] = {}
        self._ready: set[Stage] = set()

    def close(self) -> None:
        """Kill what still runs."""
        self._open.close()

    def start(self, *stages: Stage) -> None:
        """Start them side by side, without waiting for anything; those that run are killed."""
        for stage in stages:
            if stage in self._running:
                self._running[stage].close()
            log = self.world.folder / f"{stage}-a.log"
            self._begins[stage] = log.stat().st_size if log.exists() else 0
            self._ready.discard(stage)
            process = self.world.process(stage, ready=False)
            self._running[stage] = self._open.enter_context(process)

    def until_ready(self) -> None:
        """Wait until all are; who ends instead is started again, as a supervisor does it."""
        eventually(self._are_ready, 2 * SECONDS)

    def status(self, stage: Stage) -> int | None:
        """The exit status; None while it runs."""
        return self._running[stage].status()

    def said(self, stage: Stage) -> str:
        """What it logged since it was started."""
        log = self._running[stage].log.read_bytes()
        return log[self._begins[stage] :].decode(errors="replace")

    def until_ended(self, stage: Stage) -> Ended:
        """Wait until it has ended by itself."""
        eventually(lambda: self.status(stage) is not None, SECONDS)
        status = self.status(stage)
        assert status is not None
        return Ended(status, self.said(stage))

    def stop(self, *stages: Stage) -> None:
        """End them in order."""
        for stage in stages:
            assert self._running[stage].stop() == 0, self.said(stage)

    def tend(self) -> bool:
        """Start again whoever has ended, as a supervisor does it; True."""
        for stage, process in list(self._running.items()):
            if process.status() is not None:
                self.start(stage)
            elif process._says_ready():
                self._ready.add(stage)
        return True

    def _are_ready(self) -> bool:
        return self.tend() and self._ready == self._running.keys()


@contextmanager
def running(world: World, *stages: Stage) -> Iterator[Stages]:
    """These stages, ready; at the end they are killed."""
    processes = Stages(world)
    with processes._open:
        processes.start(*stages)
        processes.until_ready()
        yield processes


def asked(world: World, tenant_id: str) -> httpx2.Response:
    """Open a tenant: the answer comes from the sinks, by way of everybody else."""
    return httpx2.post(
        f"{world.settings.url}/api/tenants",
        json={"tenant_id": tenant_id, "name": tenant_id},
        headers={"Authorization": f"Bearer {world.settings.require_admin_token()}"},
        timeout=limits.OUTCOME_SECONDS + 15,
        verify=CLEAR,
    )


def posted(world: World, directory_id: str) -> httpx2.Response:
    """A person arrives, as WorkOS tells it."""
    told = event("dsync.user.created", user(directory_id=directory_id))
    body = json.dumps(told).encode()
    (secret,) = world.settings.workos_webhook_secrets
    return httpx2.post(
        f"{world.settings.url}/api/webhooks/workos",
        content=body,
        headers={"WorkOS-Signature": sign(body, secret, datetime.now(UTC))},
        timeout=SECONDS,
    )


def goes_through(stages: Stages, tenant_id: str) -> bool:
    """Whether a tenant can be opened, for the first time or again; then all sinks have applied it.

    A worker may have outlived the broker and end only now.
    """
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(asked, stages.world, tenant_id)
        eventually(lambda: stages.tend() and answer.done(), 2 * SECONDS)
    if not answer.result().is_success:
        return False
    return eventually(lambda: stages.tend() and is_applied(stages.world), SECONDS)


def is_applied(world: World) -> bool:
    """Whether the sinks have applied all that processors have published."""
    rows = world.rows('SELECT topic, partition, "offset" FROM sink_position')
    done = {(row["topic"], row["partition"]): row["offset"] for row in rows}
    return all(
        (message.offset() or 0) <= done.get((message.topic(), message.partition()), -1)
        for topic in topics.TOPICS
        if set(topic.read_by) - {"processors", "product"}
        for message in committed(world.settings.require_kafka(), world.settings.topic(topic.name))
    )


def nothing_is_there_twice(world: World) -> bool:
    """Each event stands once in the topics, and the audit log holds exactly what they hold."""
    written = [t.name for t in topics.TOPICS if t.written_by == "processors" and t.retention_days]
    messages: dict[str, list[Any]] = {name: world.messages(name) for name in written}
    times = Counter(each.event_id for found in messages.values() for each in found)
    logged = [row["entry_id"] for row in world.rows("SELECT entry_id FROM audit_entry")]
    entries = [each.event_id for each in messages[topics.AUDIT_ENTRIES.name]]
    return set(times.values()) <= {1} and sorted(logged) == sorted(entries)
