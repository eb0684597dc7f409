"""Who loses access loses sessions and keys, whatever happens at the same moment."""

import psycopg
import pytest

from schemas import topics
from schemas.codec import Output
from schemas.read_models import GATEWAY_ROLE, TENANT_SETTING
from sinks import session_revoker
from sinks.session_revoker import SessionRevoker
from tests.harness import World
from tests.sinks.conftest import WAIT_SECONDS
from tests.sinks.messages import refresh, revoke
from tests.waiting import eventually

ADD_SESSION = """
    INSERT INTO session VALUES (%s, gen_random_uuid(), %s, 'laptop', now(), %s)
    RETURNING session_id
"""
ADD_KEY = "INSERT INTO api_key VALUES (%s, gen_random_uuid(), %s, 'ci', now(), NULL, %s)"
VALID = """
    SELECT member_id FROM session LEFT JOIN member_cutoff USING (tenant_id, member_id)
    WHERE member_revision > coalesce(login_revision, -1)
"""
CUTOFFS = "SELECT login_cutoff, claims_cutoff FROM member_cutoff WHERE member_id = %s"


def login(
    url: str, member_id: str, tenant_id: str = "acme", revision: int = 0
) -> psycopg.Connection:
    """A gateway in the middle of a login: the session is there once it commits."""
    connection = psycopg.connect(url, options=f"-c role={GATEWAY_ROLE}")
    connection.execute("SELECT set_config(%s, %s, true)", [TENANT_SETTING, tenant_id])
    connection.execute(ADD_SESSION, [tenant_id, member_id, revision])
    connection.execute(ADD_KEY, [tenant_id, member_id, revision])
    return connection


def logged_in(url: str, member_id: str, tenant_id: str = "acme", revision: int = 0) -> None:
    with login(url, member_id, tenant_id, revision):
        pass


def apply(sink: psycopg.Connection, *outputs: Output) -> None:
    with sink.transaction():
        SessionRevoker().apply(sink, outputs)


def test_a_command_from_kafka_ends_sessions_and_keys(world: World) -> None:
    url = world.settings.require_database()
    for tenant_id, member_id in [("acme", "ann"), ("acme", "bob"), ("globex", "ann")]:
        logged_in(url, member_id, tenant_id)
    with world.process("sinks"):
        world.produce(topics.SESSION_REVOCATIONS.name, revoke("ann"))
        eventually(lambda: world.rows("SELECT FROM member_cutoff"), WAIT_SECONDS)
    sessions = world.rows("SELECT tenant_id, member_id FROM session ORDER BY 1")
    keys = world.rows(
        "SELECT tenant_id, member_id FROM api_key WHERE revoked_at IS NULL ORDER BY 1"
    )
    left = [
        {"tenant_id": "acme", "member_id": "bob"},
        {"tenant_id": "globex", "member_id": "ann"},
    ]
    assert sessions == left
    assert keys == left


def test_a_login_during_the_revocation_is_void(sink: psycopg.Connection, database_url: str) -> None:
    with login(database_url, "ann") as gateway:
        apply(sink, revoke("ann"))
        gateway.commit()
    assert sink.execute("SELECT member_id FROM session").fetchall() == [("ann",)]
    assert sink.execute(VALID).fetchall() == []
    logged_in(database_url, "ann", revision=9)  # after being reactivated
    assert sink.execute(VALID).fetchall() == [("ann",)]


def test_a_demotion_makes_tokens_stale_and_leaves_sessions(
    sink: psycopg.Connection, database_url: str
) -> None:
    logged_in(database_url, "ann")
    apply(sink, refresh("ann"))
    ((login_cutoff, claims_cutoff),) = sink.execute(CUTOFFS, ["ann"]).fetchall()
    assert login_cutoff is None
    assert claims_cutoff is not None
    assert sink.execute(VALID).fetchall() == [("ann",)]


def test_a_cut_off_never_goes_back(sink: psycopg.Connection) -> None:
    with sink.transaction():
        sink.execute("INSERT INTO member_cutoff VALUES ('acme', 'ann', '2100-01-01', NULL)")
    apply(sink, refresh("ann"), revoke("ann"), revoke("ann"), refresh("ann"))
    ((login_cutoff, claims_cutoff),) = sink.execute(CUTOFFS, ["ann"]).fetchall()
    assert login_cutoff.year == 2100
    assert claims_cutoff is not None


def test_a_revoked_key_keeps_the_day_on_which_it_was_revoked(
    sink: psycopg.Connection, database_url: str
) -> None:
    logged_in(database_url, "ann")
    apply(sink, revoke("ann"))
    first = sink.execute("SELECT revoked_at FROM api_key").fetchall()
    apply(sink, revoke("ann"))
    assert sink.execute("SELECT revoked_at FROM api_key").fetchall() == first


def test_what_was_made_after_a_reactivation_outlives_a_late_command(
    sink: psycopg.Connection, database_url: str
) -> None:
    command = revoke("ann")
    logged_in(database_url, "ann", revision=command.revision)
    logged_in(database_url, "ann", revision=command.revision + 1)
    apply(sink, command)
    left = sink.execute("SELECT member_revision FROM session").fetchall()
    keys = sink.execute("SELECT member_revision FROM api_key WHERE revoked_at IS NULL").fetchall()
    assert left == keys == [(command.revision + 1,)]


def test_somebody_elses_lock_holds_up_no_cut_off(
    sink: psycopg.Connection, database_url: str
) -> None:
    for member_id in ("ann", "ann", "bob"):
        logged_in(database_url, member_id)
    revoker = SessionRevoker()
    with psycopg.connect(database_url) as product:
        product.execute("SELECT FROM session WHERE member_id = 'ann' LIMIT 1 FOR NO KEY UPDATE")
        product.execute("SELECT FROM api_key WHERE member_id = 'ann' LIMIT 1 FOR UPDATE")
        with sink.transaction():
            revoker.apply(sink, [revoke("ann"), revoke("bob")])
        assert sink.execute(VALID).fetchall() == []
        assert left(sink) == [("ann", "key"), ("ann", "session")]
        revoker.tidy(sink)
        assert left(sink) == [("ann", "key"), ("ann", "session")]
    revoker.tidy(sink)
    assert left(sink) == []


@pytest.mark.parametrize("table", ["session", "api_key"])
def test_nor_does_a_lock_on_a_whole_table(
    sink: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    logged_in(database_url, "ann")
    monkeypatch.setattr(session_revoker, "LOCK_SECONDS", 0.05)
    revoker = SessionRevoker()
    with psycopg.connect(database_url) as product:
        product.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        with sink.transaction():
            revoker.apply(sink, [revoke("ann")])
        with sink.transaction():
            revoker.tidy(sink)
    assert sink.execute(CUTOFFS, ["ann"]).fetchall() != []
    with sink.transaction():
        revoker.tidy(sink)
    assert left(sink) == []


def test_what_was_left_over_is_found_after_a_restart(
    sink: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And by another process, and where a login was under way during the cut-off."""
    another = SessionRevoker()
    another.tidy(sink)
    with login(database_url, "ann"):
        apply(sink, revoke("ann"), refresh("bob"))
    logged_in(database_url, "ann", revision=9)
    logged_in(database_url, "bob")
    logged_in(database_url, "cem")
    another.tidy(sink)
    assert left(sink) == [("ann", "key"), ("ann", "session")]
    SessionRevoker().tidy(sink)
    assert left(sink) == []
    with login(database_url, "ann"):
        pass
    monkeypatch.setattr(session_revoker, "SEARCH_SECONDS", 0)
    another.tidy(sink)
    assert left(sink) == []
    kept = sink.execute("SELECT member_id FROM session ORDER BY 1").fetchall()
    assert kept == [("ann",), ("bob",), ("cem",)]


def left(sink: psycopg.Connection) -> list[tuple[str, str]]:
    """Void sessions and keys that were not ended yet."""
    return sink.execute("""
        SELECT member_id, 'session' FROM session JOIN member_cutoff USING (tenant_id, member_id)
        WHERE member_revision <= login_revision
        UNION
        SELECT member_id, 'key' FROM api_key JOIN member_cutoff USING (tenant_id, member_id)
        WHERE member_revision <= login_revision AND revoked_at IS NULL
        ORDER BY 1, 2
    """).fetchall()


def test_the_loop_ends_what_somebody_had_locked(world: World) -> None:
    url = world.settings.require_database()
    logged_in(url, "ann")
    with world.process("sinks"):
        with psycopg.connect(url) as product:
            product.execute("SELECT FROM session FOR UPDATE")
            world.produce(topics.SESSION_REVOCATIONS.name, revoke("ann"))
            eventually(lambda: world.rows("SELECT FROM member_cutoff"), WAIT_SECONDS)
        eventually(lambda: not world.rows("SELECT FROM session"), WAIT_SECONDS)
