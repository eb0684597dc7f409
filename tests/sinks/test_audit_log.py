"""A chain that shows what was done to it."""

import psycopg
import pytest

from schemas import topics
from sinks import audit_log
from sinks.audit_log import BrokenChainError
from tests.harness import World
from tests.sinks.conftest import WAIT_SECONDS
from tests.sinks.messages import entry
from tests.waiting import eventually

SENTENCES = ["Ann came.", "Ann became admin.", "Ann left.", "Ann — “née Müller” — is back."]


def apply(sink: psycopg.Connection, *sentences: str, tenant_id: str = "acme") -> None:
    with sink.transaction():
        audit_log.apply(sink, [entry(sentence, tenant_id) for sentence in sentences])


def test_entries_from_kafka_become_one_chain_per_tenant(world: World) -> None:
    with world.process("sinks"):
        for sentence in SENTENCES:
            said = [entry(sentence), entry(sentence, "globex")]
            world.produce(topics.AUDIT_ENTRIES.name, *said)
        eventually(lambda: len(world.rows("SELECT FROM audit_entry")) == 8, WAIT_SECONDS)
    query = "SELECT sequence, sentence FROM audit_entry WHERE tenant_id = %s ORDER BY sequence"
    with psycopg.connect(world.settings.require_database()) as owner:
        for tenant_id in ("acme", "globex"):
            assert audit_log.verify(owner, tenant_id) == 4
            stored = owner.execute(query, [tenant_id]).fetchall()
            assert stored == list(enumerate(SENTENCES, start=1))


def test_batches_go_on_where_the_last_one_ended(sink: psycopg.Connection) -> None:
    apply(sink, *SENTENCES[:1])
    apply(sink, *SENTENCES[1:])
    assert audit_log.verify(sink, "acme") == 4
    assert audit_log.verify(sink, "globex") == 0


def test_what_is_asked_for_stands_beside_the_entry(sink: psycopg.Connection) -> None:
    apply(sink, "Ann became admin.")
    query = "SELECT member_id, role_from, role_to, entry ->> 'sentence' FROM audit_entry"
    assert sink.execute(query).fetchall() == [("ann", "member", "admin", "Ann became admin.")]


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE audit_entry SET sentence = 'Nothing.' WHERE sequence = 2", "Entry 2 .* sentence"),
        ("UPDATE audit_entry SET role_to = NULL WHERE sequence = 2", "Entry 2 .* role_to"),
        (
            """UPDATE audit_entry SET sentence = 'Nothing.',
               entry = jsonb_set(entry, '{sentence}', '"Nothing."') WHERE sequence = 3""",
            "Entry 3 .* hash",
        ),
        ("UPDATE audit_entry SET entry = '{}' WHERE sequence = 3", "Entry 3 .* no audit entry"),
        ("DELETE FROM audit_entry WHERE sequence = 1", "Entry 1 of acme is missing"),
        (
            """DELETE FROM audit_entry WHERE sequence = 2;
               UPDATE audit_entry SET sequence = sequence - 1 WHERE sequence > 2""",
            "Entry 2 .* previous_hash",
        ),
    ],
)
def test_a_tampered_copy_does_not_verify(
    sink: psycopg.Connection, database_url: str, tampering: str, found: str
) -> None:
    apply(sink, *SENTENCES)
    with psycopg.connect(database_url) as owner:
        # Only a copy can be changed; it comes first where names are looked up.
        owner.execute("CREATE TEMPORARY TABLE audit_entry AS TABLE public.audit_entry")
        assert audit_log.verify(owner, "acme") == 4
        for statement in tampering.split(";"):
            owner.execute(statement)
        with pytest.raises(BrokenChainError, match=found):
            audit_log.verify(owner, "acme")
