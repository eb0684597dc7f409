"""What the operator sees of dead letters, and what a replay and a drop put on the lanes."""

import base64
from typing import Any

import pytest

from ingest.unassigned import UNASSIGNED
from schemas import codec, topics
from schemas.changes import DropDeadLetter
from schemas.envelope import REPLAY
from schemas.partitions import partition_of
from schemas.topics import Topic
from tests.harness import PARTITIONS
from tests.ingest import rows
from tests.ingest.asking import only_change, sending, settle
from tests.ingest.conftest import Door

URL = "/api/dead-letters"
OF_NOBODY = {"tenant_id": UNASSIGNED, "stage": "ingest", "reason": "unknown_directory"}
ACMES, NOBODYS = partition_of("acme", PARTITIONS), partition_of(UNASSIGNED, PARTITIONS)
NOT_TEXT = b"\xff{"
ANN = "user/okta/ann"


def get(door: Door, url: str) -> Any:
    answer = door.http.get(URL + url)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_letters_of_all_tenants_are_filtered_and_paged(door: Door) -> None:
    door.write(
        rows.dead_letter("a"),
        rows.dead_letter("b", tenant_id="other", reason="waiting", directory_id=None),
        rows.dead_letter("c", **OF_NOBODY, directory_id="lost"),
        rows.dead_letter("d", stage="audit_log"),
        rows.dead_letter("e", settled="replayed", settled_at=rows.LONG_AGO),
        rows.dead_letter("f", settled="dropped", settled_at=rows.LONG_AGO),
    )

    def ids(query: str) -> tuple[str, int | None]:
        page = get(door, f"?{query}")
        return "".join(letter["letter_id"] for letter in page["letters"]), page["after"]

    assert ids("") == ids("settled=open") == ("abcd", None)
    assert ids("settled=all") == ("abcdef", None)
    assert ids("settled=replayed") == ("e", None)
    assert ids("settled=dropped") == ("f", None)
    assert ids("tenant=other") == ("b", None)
    assert ids("tenant=_unassigned") == ids("directory=lost") == ("c", None)
    assert ids("reason=waiting") == ("b", None)
    assert ids("stage=processors") == ("ab", None)
    assert ids("limit=3") == ("abc", 3)
    assert ids("limit=3&after=3") == ("d", None)
    assert ids("limit=4") == ("abcd", None)


def test_a_letter_is_shown_with_its_message(door: Door) -> None:
    headers = [["ce_id", "Y2F1c2U="], ["odd", base64.b64encode(b"\xff").decode()]]
    door.write(
        rows.dead_letter("text", value='{"name": "Zoë"}'.encode(), headers=headers),
        rows.dead_letter("bytes", value=NOT_TEXT),
        rows.dead_letter("large", value=None),
        rows.dead_letter("empty", value=b""),
    )
    (listed, *_) = get(door, "")["letters"]
    assert listed == {
        "number": 1,
        "letter_id": "text",
        "tenant_id": "acme",
        "stage": "processors",
        "reason": "undecidable",
        "detail": "KeyError: 'x'",
        "entity": "user/okta/ada",
        "removal": False,
        "directory_id": "okta",
        "topic": "directory-changes",
        "partition": 1,
        "offset": 7,
        "recorded_at": "2026-01-01T00:00:00Z",
        "settled": None,
        "settled_at": None,
        "attempts": 0,
    }
    assert get(door, "/text") == listed | {
        "headers": {"ce_id": "cause", "odd": "\N{REPLACEMENT CHARACTER}"},
        "value": '{"name": "Zoë"}',
        "value_base64": None,
        "sha256": "5e",
        "cause": "cause-of-text",
    }
    for letter_id, value, encoded in (
        ("bytes", None, base64.b64encode(NOT_TEXT).decode()),
        ("large", None, None),
        ("empty", "", None),
    ):
        shown = get(door, f"/{letter_id}")
        assert (shown["value"], shown["value_base64"]) == (value, encoded)


def test_what_cannot_be_replayed_or_dropped_is_409_and_says_what_to_do(door: Door) -> None:
    door.write(
        rows.dead_letter("replayed", settled="replayed", settled_at=rows.LONG_AGO),
        rows.dead_letter("dropped", settled="dropped", settled_at=rows.LONG_AGO),
        rows.dead_letter("large", value=None, entity="message/1"),
        rows.dead_letter("sinks", stage="audit_log"),
        rows.dead_letter("nobodys", **OF_NOBODY, directory_id="lost"),
    )
    for letter_id, action, error, detail in (
        ("replayed", "replay", "settled", "replayed already"),
        ("dropped", "replay", "settled", "dropped already"),
        ("replayed", "drop", "settled", "replayed already"),
        ("large", "replay", "value_not_kept", "large"),
        ("sinks", "replay", "sink_retries", "restart the sinks"),
        ("nobodys", "replay", "waits_for_directory", "`rollcall directory assign`"),
    ):
        answer = door.http.post(f"{URL}/{letter_id}/{action}")
        assert (answer.status_code, answer.json()["error"]) == (409, error)
        assert detail in answer.json()["detail"]


def stands(door: Door, topic: Topic) -> list[tuple[Any, ...]]:
    return [
        (message.partition(), message.key(), message.value(), message.headers())
        for message in door.messages(topic)
    ]


def test_a_replay_puts_the_same_bytes_on_the_same_partition_in_order(kafka_door: Door) -> None:
    elsewhere = (ACMES + 1) % PARTITIONS
    before = [("ce_id", b"1"), ("x", b"\xff"), ("ce_id", b"2")]
    sent = [[name, base64.b64encode(value).decode()] for name, value in before]
    again = [*sent, [REPLAY, base64.b64encode(b"an older one").decode()]]
    place: dict[str, Any] = {"entity": ANN, "partition": elsewhere}
    kafka_door.write(
        rows.dead_letter("first", **place, value=NOT_TEXT, headers=sent),
        rows.dead_letter("urgent", **place, topic="directory-changes-urgent", headers=sent),
        rows.dead_letter("done", **place, settled="replayed", settled_at=rows.LONG_AGO),
        rows.dead_letter("second", **place, value=b"2", key=None, headers=again),
        rows.dead_letter("of-another", entity="user/okta/bob"),
        rows.dead_letter("of-a-stranger", **place, tenant_id="other"),
        rows.dead_letter("of-a-sink", **place, stage="audit_log"),
    )
    answer = kafka_door.http.post(f"{URL}/second/replay")
    assert answer.status_code == 202
    assert answer.json() == {"replaying": ["first", "urgent", "second"]}

    assert stands(kafka_door, topics.CHANGES) == [
        (elsewhere, b"acme", NOT_TEXT, [*before, (REPLAY, b"first")]),
        (elsewhere, None, b"2", [*before, (REPLAY, b"second")]),
    ]
    assert stands(kafka_door, topics.URGENT) == [
        (elsewhere, b"acme", b"{}", [*before, (REPLAY, b"urgent")]),
    ]


@pytest.mark.parametrize(
    ("letter", "partition"),
    [
        ({"tenant_id": "acme", "partition": 1}, 1),
        ({"tenant_id": "no tenant at all", "partition": 3}, 3),
        ({"tenant_id": "", "partition": 2}, 2),
        (
            {"tenant_id": "acme", "stage": "audit_log", "partition": 1},
            partition_of("acme", PARTITIONS),
        ),
        ({**OF_NOBODY, "partition": -1}, NOBODYS),
    ],
)
def test_a_drop_reaches_who_decides_where_the_letter_stood(
    kafka_door: Door, letter: dict[str, Any], partition: int
) -> None:
    kafka_door.write(rows.dead_letter("a-letter", **letter))
    with sending(kafka_door, "POST", f"{URL}/a-letter/drop", None) as answers:
        change = only_change(kafka_door)
        assert isinstance(change, DropDeadLetter)
        assert (change.tenant_id, change.letter_id) == (letter["tenant_id"], "a-letter")
        assert (change.entity, change.reply) == ("user/okta/ada", True)
        settle(kafka_door, change, status=200)
    assert (answers[0].status_code, answers[0].json()) == (200, {"settled": True})
    (message,) = kafka_door.messages(topics.CHANGES)
    assert message.partition() == partition
    assert codec.decode_change(message.key(), message.value()) == change
