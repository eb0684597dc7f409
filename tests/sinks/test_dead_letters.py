"""The dead letters of processors and the door, and what becomes of them."""

from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from schemas import topics
from schemas.codec import Output
from sinks import dead_letters
from tests.harness import World
from tests.sinks.conftest import WAIT_SECONDS
from tests.sinks.messages import NOON, dead_letter, ruled
from tests.waiting import eventually


def apply(sink: psycopg.Connection, *outputs: Output) -> None:
    with sink.transaction():
        dead_letters.apply(sink, outputs)


def letters(sink: psycopg.Connection) -> list[dict[str, Any]]:
    with sink.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM dead_letter ORDER BY number").fetchall()


def settled(sink: psycopg.Connection) -> list[tuple[Any, ...]]:
    return [(row["settled"], row["attempts"]) for row in letters(sink)]


def test_letters_and_rulings_from_kafka_become_rows(world: World) -> None:
    first, second = dead_letter(), dead_letter()
    with world.process("sinks"):
        ruling = ruled(first.event_id, "replayed")
        world.produce(topics.DEAD_LETTERS.name, first, ruling, second)
        query = "SELECT letter_id, settled FROM dead_letter ORDER BY number"
        eventually(lambda: len(world.rows(query)) == 2, WAIT_SECONDS)
        rows = world.rows(query)
    assert [(row["letter_id"], row["settled"]) for row in rows] == [
        (first.event_id, "replayed"),
        (second.event_id, None),
    ]


def test_a_letter_is_kept_as_it_stood(sink: psycopg.Connection) -> None:
    letter = dead_letter(detail="a \0", tenant_id="acme", removal=True)
    apply(sink, letter, dead_letter(event_id=letter.event_id, detail="the same again"))
    (row,) = letters(sink)
    expected = {
        "tenant_id": "acme",
        "letter_id": letter.event_id,
        "stage": "processors",
        "reason": "undecidable",
        "detail": "a \N{REPLACEMENT CHARACTER}",
        "entity": letter.entity,
        "removal": True,
        "directory_id": "okta",
        "cause": letter.cause,
        "topic": "directory-changes",
        "partition": 1,
        "offset": 7,
        "headers": [["ce_id", "YzE="], ["odd", "/wA="]],
        "key": b"acme",
        "value": b"{}\x00\xff",
        "sha256": letter.sha256,
        "recorded_at": NOON,
        "settled": None,
        "settled_at": None,
        "attempts": 0,
    }
    assert row | expected == row


@pytest.mark.parametrize(
    ("rulings", "end"),
    [
        (["replayed"], ("replayed", 0)),
        (["dropped", "replayed"], ("dropped", 0)),
        (["failed", "failed", "replayed", "failed"], ("replayed", 2)),
    ],
)
def test_the_first_ruling_that_settles_a_letter_stays(
    sink: psycopg.Connection, rulings: list[str], end: tuple[str, int]
) -> None:
    letter = dead_letter()
    said = [ruled(letter.event_id, ruling, detail="again") for ruling in rulings]
    apply(sink, letter, *said)
    assert settled(sink) == [end]
    (row,) = letters(sink)
    assert (row["detail"] == "again") == (end[1] > 0)
    assert row["settled_at"] is not None


def test_a_ruling_about_no_letter_of_the_tenant_does_nothing(sink: psycopg.Connection) -> None:
    letter = dead_letter()
    apply(sink, letter, ruled("no-letter", "dropped"), ruled(letter.event_id, "dropped", "globex"))
    assert settled(sink) == [(None, 0)]


def test_whoever_got_the_directory_rules_on_what_waited_for_it(sink: psycopg.Connection) -> None:
    letter = dead_letter(tenant_id="_unassigned", reason="unknown_directory", offset=-1)
    apply(sink, letter, ruled(letter.event_id, "replayed", "globex"))
    (row,) = letters(sink)
    assert (row["stage"], row["settled"]) == ("ingest", "replayed")
