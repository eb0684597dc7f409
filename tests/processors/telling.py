"""How tests talk with a worker: changes on the lanes, and who has got access."""

from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined] # they are its public names
    AdminClient,
    NewTopic,
)

from schemas import changes, topics
from schemas.partitions import partition_of
from tests.core import scenario
from tests.core.scenario import directory, role, tenant
from tests.harness import PARTITIONS, STOP_SECONDS, World
from tests.waiting import eventually

SECONDS = 60.0
PARTITION = partition_of(scenario.TENANT, PARTITIONS)
BROKEN = str(Path(__file__).with_name("broken.py"))
"""A worker that is broken on purpose and watched often."""


def told(world: World, *given: changes.AnyChange) -> None:
    """Put changes on the lanes that they belong on."""
    for change in given:
        lane = topics.URGENT if changes.is_urgent(change) else topics.CHANGES
        world.produce(lane.name, change)


def settings() -> list[changes.AnyChange]:
    """A tenant with two roles and a directory: four changes."""
    return [tenant(), role("admin", 30, admin=True), role("member", 10, default=True), directory()]


def provisioned(world: World) -> list[str]:
    """Who has got access, by name."""
    events: list[Any] = world.messages("access-events-v1")
    return [e.member.display_name for e in events if type(e).__name__ == "MemberProvisioned"]


def made_anew(world: World, topic: str) -> None:
    """Delete a topic and make it again, with another id."""
    name = world.settings.topic(topic)
    with AdminClient({"bootstrap.servers": world.settings.require_kafka()}) as admin:
        admin.delete_topics([name])[name].result(STOP_SECONDS)

        def is_made() -> bool:  # refused until the old one is gone
            admin.create_topics([NewTopic(name, PARTITIONS)])[name].exception()
            found = admin.list_topics(timeout=STOP_SECONDS).topics.get(name)
            return found is not None and len(found.partitions) == PARTITIONS

        eventually(is_made, STOP_SECONDS)
