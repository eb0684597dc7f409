"""What cannot be decided is kept, holds up only what is about the same, and can be replayed."""

import uuid
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from schemas import changes, limits, topics
from schemas.envelope import REPLAY
from schemas.events import AuditEntry
from schemas.letters import DeadLetter, DeadLetterRuled
from schemas.partitions import partition_of
from schemas.recorded import UserRecorded
from tests.core import scenario
from tests.core.scenario import directory, reported, role, tenant
from tests.harness import PARTITIONS, World
from tests.waiting import eventually

pytestmark = pytest.mark.kafka
SECONDS = 60.0
LATE = "directory_late"
PARTITION = partition_of(scenario.TENANT, PARTITIONS)


def told(world: World, *given: changes.AnyChange) -> None:
    """Put changes on the lanes that they belong on."""
    for change in given:
        lane = topics.URGENT if changes.is_urgent(change) else topics.CHANGES
        world.produce(lane.name, change)


def put(
    world: World, *messages: tuple[bytes, bytes | None], lane: str = "directory-changes"
) -> None:
    """Put foreign messages on a lane of the tenant's partition."""
    with closing(Producer({"bootstrap.servers": world.settings.require_kafka()})) as producer:
        for key, value in messages:
            producer.produce(world.settings.topic(lane), value, key, PARTITION)
        assert producer.flush(SECONDS) == 0


def replay(world: World, *letters: DeadLetter) -> None:
    """As the gateway does it: the same bytes on the same place, and the letter's id."""
    with closing(Producer({"bootstrap.servers": world.settings.require_kafka()})) as producer:
        for letter in letters:
            producer.produce(
                world.settings.topic(letter.topic),
                letter.value,
                letter.key,
                letter.partition,
                headers=[*letter.headers, (REPLAY, letter.event_id.encode())],
            )
        assert producer.flush(SECONDS) == 0


def letters(world: World, count: int) -> list[DeadLetter]:
    """The dead letters, once there are that many."""

    def found() -> list[DeadLetter]:
        made = [m for m in world.messages("dead-letters") if isinstance(m, DeadLetter)]
        return made if len(made) >= count else []

    return eventually(found, SECONDS)


def rulings(world: World, count: int) -> list[tuple[str, str]]:
    """What became of letters, once that much has."""

    def found() -> list[tuple[str, str]]:
        made = [m for m in world.messages("dead-letters") if isinstance(m, DeadLetterRuled)]
        return [(m.letter_id, m.ruling) for m in made] if len(made) >= count else []

    return eventually(found, SECONDS)


def users(world: World) -> list[str | None]:
    """The emails of people as the read models were told, in order."""
    events: list[Any] = world.messages("directory-events")
    return [event.email for event in events if isinstance(event, UserRecorded)]


def late(name: str, email: str, *, active: bool = True) -> changes.AnyChange:
    """A report of a directory that does not exist yet."""
    return reported(name, directory=LATE, email=email, active=active)


def test_later_changes_of_the_same_wait_and_are_replayed_in_order(world: World) -> None:
    with world.process("processors") as worker:
        told(world, tenant(), role("member", 10, default=True), directory())
        told(world, late("ann", "ann@1.example"), reported("bo"))
        (first,) = letters(world, 1)
        assert (first.reason, first.removal, first.directory_id) == ("undecidable", False, LATE)
        told(world, directory(LATE), late("ann", "ann@2.example"), late("cy", "cy@1.example"))
        first, second = letters(world, 2)
        assert (second.reason, second.entity) == ("waiting", first.entity)
        assert first.event_id in second.detail
        eventually(lambda: users(world) == ["bo@acme.example", "cy@1.example"], SECONDS)

        replay(world, second)  # too early: nothing overtakes
        assert rulings(world, 1) == [(second.event_id, "failed")]
        replay(world, first, second, first, second)
        last = late("ann", "ann@3.example")
        told(world, last)
        eventually(lambda: users(world)[2:] == [f"ann@{n}.example" for n in (1, 2, 3)], SECONDS)
        assert rulings(world, 3)[1:] == [(each.event_id, "replayed") for each in (first, second)]
        assert "removal is a dead letter" not in worker.log.read_text()


def test_a_removal_waits_for_nothing_and_alerts_where_it_fails(world: World) -> None:
    with world.process("processors") as worker:
        told(world, tenant(), role("member", 10, default=True), directory())
        told(world, reported("ann"), late("ann", "ann@late.example"))
        (first,) = letters(world, 1)
        told(world, late("ann", "ann@late.example", active=False))
        first, second = letters(world, 2)
        assert (second.reason, second.removal) == ("undecidable", True)
        eventually(lambda: "removal is a dead letter" in worker.log.read_text(), SECONDS)
        told(world, directory(LATE))
        told(world, late("ann", "ann@gone.example", active=False))
        eventually(lambda: "ann@gone.example" in users(world), SECONDS)
        replay(world, first, second)
        made = {(each.event_id, "replayed") for each in (first, second)}
        assert set(rulings(world, 2)) == made, "on two lanes, in either order"
        assert users(world)[-1] == "ann@gone.example", "what is older is not news"


def test_a_letter_is_dropped_once_and_the_next_is_first(world: World) -> None:
    with world.process("processors"):
        told(world, tenant(), role("member", 10, default=True))
        told(world, late("ann", "ann@1.example"), late("ann", "ann@2.example"))
        first, second = letters(world, 2)
        told(world, directory(LATE), dropped(first), dropped(first))
        replay(world, second)
        eventually(lambda: users(world) == ["ann@2.example"], SECONDS)
        made = [(first.event_id, "dropped")] * 2 + [(second.event_id, "replayed")]
        assert rulings(world, 3) == made
        entries = [m for m in world.messages("audit-entries") if isinstance(m, AuditEntry)]
        assert sum("given up" in entry.sentence for entry in entries) == 2


def test_too_many_letters_stop_the_partition_and_a_restart_changes_nothing(world: World) -> None:
    with world.process("processors") as worker:
        told(world, tenant(), role("member", 10, default=True), directory(), reported("ann"))
        eventually(lambda: users(world), SECONDS)
        put(world, *[(b"acme", b"{")] * (limits.BUDGET_LETTERS + 50))
        eventually(lambda: "the partition stopped" in worker.log.read_text(), SECONDS)
        told(world, reported("bo"), late("cy", "cy@1.example", active=False))
        other = next(f"t{n}" for n in range(99) if partition_of(f"t{n}", PARTITIONS) != PARTITION)
        told(world, tenant(other))
        eventually(lambda: _opened(world, other), SECONDS)
        assert worker.status() is None
    with world.process("processors", "b") as again:
        eventually(lambda: "the partition stopped" in again.log.read_text(), SECONDS)
        told(world, replace(tenant(other), name="Other", change_id="again"))
        eventually(lambda: _opened(world, other) == 2, SECONDS)
        assert len(letters(world, 1)) == limits.BUDGET_LETTERS
        assert users(world) == ["ann@acme.example"]


def dropped(letter: DeadLetter) -> changes.DropDeadLetter:
    asked: dict[str, Any] = {"change_id": str(uuid.uuid4()), "recorded_at": scenario.ARRIVED}
    return changes.DropDeadLetter(
        **asked, tenant_id=scenario.TENANT, letter_id=letter.event_id, entity=letter.entity
    )


def _opened(world: World, tenant_id: str) -> int:
    """How often something was decided for a tenant."""
    return sum(m.tenant_id == tenant_id for m in world.messages("audit-entries"))
