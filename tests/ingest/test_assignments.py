"""What waited for its directory is replayed once a tenant owns it."""

from collections.abc import Iterator

import pytest
import structlog
from confluent_kafka import Message

from ingest import assignments
from ingest.unassigned import UNASSIGNED
from schemas import codec, ids, limits, read_models, topics
from schemas.envelope import header
from schemas.letters import DeadLetter, DeadLetterRuled
from schemas.partitions import partition_of
from schemas.topics import Topic
from tests.ingest import rows
from tests.ingest.asking import only_change, sending, settle
from tests.ingest.conftest import WAIT_SECONDS, Door, serving
from tests.ingest.events import event, user
from tests.waiting import eventually

NEVER, OFTEN = 3600.0, 0.05
OF_NOBODY = "directory_of_nobody"
SETTLE = """
    UPDATE dead_letter SET settled = 'replayed', settled_at = now() WHERE letter_id = ANY(%(ids)s)
"""


@pytest.fixture
def looks_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ASSIGN_SECONDS", NEVER)


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ASSIGN_SECONDS", OFTEN)


def put_aside(door: Door, *states: str, directory_id: str = OF_NOBODY) -> list[DeadLetter]:
    """Let a directory of nobody report a user in these states, and keep it as the sink does."""
    known = len(letters(door))
    for number, state in enumerate(states, known):
        person = user(directory_id=directory_id, state=state)
        assert door.post_event(event("dsync.user.updated", person, id=f"e{number}")).is_success
    written = letters(door)[known:]
    door.write(*map(rows.unassigned, written))
    return written


def outputs(door: Door) -> Iterator[DeadLetter | DeadLetterRuled]:
    for message in door.messages(topics.DEAD_LETTERS):
        output = codec.decode_output(topics.DEAD_LETTERS.name, message.key(), message.value())
        assert isinstance(output, DeadLetter | DeadLetterRuled)
        assert output.tenant_id == UNASSIGNED
        assert message.partition() == partition_of(UNASSIGNED, door.installation.partitions)
        yield output


def letters(door: Door) -> list[DeadLetter]:
    return [output for output in outputs(door) if isinstance(output, DeadLetter)]


def rulings(door: Door) -> list[DeadLetterRuled]:
    return [output for output in outputs(door) if isinstance(output, DeadLetterRuled)]


def settle_ruled(door: Door) -> None:
    door.write((SETTLE, {"ids": [ruling.letter_id for ruling in rulings(door)]}))


def causes(door: Door, topic: Topic = topics.CHANGES) -> list[str]:
    """The change ids on a lane, all of acme's, in their order."""
    return [_change_id(door, message) for message in door.messages(topic)]


def _change_id(door: Door, message: Message) -> str:
    change = codec.decode_change(message.key(), message.value())
    assert change.tenant_id == "acme"
    assert message.partition() == partition_of("acme", door.installation.partitions)
    assert header(message.headers(), "ce_id") == change.change_id
    return change.change_id


@pytest.mark.usefixtures("looks_when_asked")
def test_a_directory_that_gets_its_tenant_brings_all_that_waited(kafka_door: Door) -> None:
    waiting = put_aside(kafka_door, "active", "inactive", "active")
    other = put_aside(kafka_door, "active", directory_id="directory_of_somebody_else")
    sent = {"directory_id": OF_NOBODY, "name": "Okta"}
    with sending(kafka_door, "POST", "/api/tenants/acme/directories", sent) as answers:
        change = only_change(kafka_door)
        kafka_door.write(*rows.directory("acme", OF_NOBODY))
        settle(kafka_door, change, status=201)
    assert answers[0].status_code == 201

    eventually(lambda: len(rulings(kafka_door)) == len(waiting), WAIT_SECONDS)
    ruled = rulings(kafka_door)
    first, left, last = (letter.cause for letter in waiting)
    assert causes(kafka_door) == [change.change_id, first, last]
    assert causes(kafka_door, topics.URGENT) == [left]
    assert [ruling.letter_id for ruling in ruled] == [letter.event_id for letter in waiting]
    assert other[0].event_id not in {ruling.letter_id for ruling in ruled}
    for ruling, letter in zip(ruled, waiting, strict=True):
        assert ruling.event_id == ids.of_cause(letter.event_id, "replayed")
        assert (ruling.ruling, ruling.cause) == ("replayed", letter.cause)


@pytest.mark.usefixtures("looks_often")
def test_a_page_follows_when_the_page_before_is_settled_and_none_comes_twice(
    kafka_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assignments, "PAGE", 2)
    waiting = [letter.cause for letter in put_aside(kafka_door, "active", "active", "active")]
    kafka_door.write(*rows.directory("acme", OF_NOBODY))
    eventually(lambda: len(rulings(kafka_door)) == 2, WAIT_SECONDS)
    assert causes(kafka_door) == waiting[:2]

    settle_ruled(kafka_door)
    eventually(lambda: len(rulings(kafka_door)) == 3, WAIT_SECONDS)
    settle_ruled(kafka_door)
    (late,) = put_aside(kafka_door, "inactive", directory_id="another_of_nobody")
    kafka_door.write(*rows.directory("acme", "another_of_nobody"))
    eventually(lambda: len(rulings(kafka_door)) == 4, WAIT_SECONDS)
    assert causes(kafka_door) == waiting
    assert causes(kafka_door, topics.URGENT) == [late.cause]


@pytest.mark.usefixtures("looks_when_asked")
def test_two_gateways_that_replay_at_once_say_the_same_twice(kafka_door: Door) -> None:
    (letter,) = put_aside(kafka_door, "active")
    kafka_door.write(*rows.directory("acme", OF_NOBODY))
    url = f"/api/dead-letters/{letter.event_id}/replay"
    with serving(kafka_door.settings.model_copy(update={"port": 0}), kafka_door.installation) as b:
        for door in (kafka_door, b):
            answer = door.http.post(url)
            assert (answer.status_code, answer.json()) == (202, {"replaying": [letter.event_id]})
        eventually(lambda: len(rulings(kafka_door)) == 2, WAIT_SECONDS)
    assert causes(kafka_door) == [letter.cause] * 2
    assert len({ruling.event_id for ruling in rulings(kafka_door)}) == 1


@pytest.mark.usefixtures("looks_often")
def test_letters_that_cannot_be_read_hold_up_no_other(
    kafka_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assignments, "PAGE", 2)
    (letter,) = put_aside(kafka_door, "active")
    foreign = {"tenant_id": UNASSIGNED, "reason": "unknown_directory", "stage": "ingest"}
    kafka_door.write(
        ("UPDATE dead_letter SET number = 100", {}),
        rows.dead_letter("broken", **foreign, key=letter.key, value=b"{", directory_id=OF_NOBODY),
        rows.dead_letter(
            "mixed-up", **foreign, key=letter.key, value=letter.value, directory_id="acme-okta"
        ),
        *rows.directory("acme", OF_NOBODY),
    )
    (ruling,) = eventually(lambda: rulings(kafka_door), WAIT_SECONDS)
    assert ruling.letter_id == letter.event_id
    assert causes(kafka_door) == [letter.cause]


@pytest.mark.usefixtures("looks_often")
def test_a_failure_is_no_end(kafka_door: Door) -> None:
    (letter,) = put_aside(kafka_door, "active")
    grant = f"SELECT ON dead_letter {{}} {read_models.GATEWAY_ROLE}"
    with structlog.testing.capture_logs() as logs:
        kafka_door.administer(f"REVOKE {grant.format('FROM')}")
        eventually(lambda: [each for each in logs if "replay" in each["event"]], WAIT_SECONDS)
    kafka_door.write(*rows.directory("acme", OF_NOBODY))
    kafka_door.administer(f"GRANT {grant.format('TO')}")
    eventually(lambda: rulings(kafka_door), WAIT_SECONDS)
    assert causes(kafka_door) == [letter.cause]
