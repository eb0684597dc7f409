"""What cannot be applied becomes a dead letter, and only that; the rest never notices."""

import hashlib
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from msgspec import structs
from psycopg.errors import DeadlockDetected, DiskFull, SerializationFailure
from psycopg.rows import dict_row

from schemas import codec, limits, metrics
from schemas.access import MemberRef
from schemas.codec import Output
from schemas.entities import entity_of
from schemas.state import Position
from sinks import audit_log
from sinks.arrival import Arrival
from sinks.bisecting import Bisecting, BudgetSpentError
from sinks.directory_view import DirectoryView
from sinks.session_revoker import SessionRevoker
from sinks.sink import Sink
from tests.sinks.messages import entry, provisioned, refresh, revoke, role_changed, user

LETTERS = "SELECT * FROM dead_letter ORDER BY number"
NAMES = "SELECT user_id, first_name FROM directory_user ORDER BY user_id"
BAD = "not \0 in Postgres"
PARTITION = 3


class Counting:
    """A sink that counts how often it is asked."""

    def __init__(self, sink: Sink) -> None:
        self.topics = sink.topics
        self.tidy = sink.tidy
        self.times = 0
        self._sink = sink

    def apply(self, connection: psycopg.Connection, outputs: Sequence[Output]) -> None:
        self.times += 1
        self._sink.apply(connection, outputs)


class Feed:
    """One sink and the messages that it gets, at offsets that grow by one."""

    def __init__(self, connection: psycopg.Connection, name: str, sink: Sink) -> None:
        self.connection = connection
        self.name = name
        self.sink = Counting(sink)
        self.restart()
        self.end = 0

    def restart(self) -> None:
        """A new process: what it does not find in Postgres is forgotten."""
        self.batches = Bisecting(self.name, self.sink, self.connection)

    def retry(self, topic: str = "directory-events") -> None:
        with self.connection.transaction():
            self.batches.retry(topic, PARTITION)

    def __call__(self, *messages: Output | Arrival) -> None:
        arrivals = [
            self.arrival(key=each.tenant_id.encode(), value=codec.encode(each), output=each)
            if not isinstance(each, Arrival)
            else each
            for each in messages
        ]
        with self.connection.transaction():
            self.batches.apply(arrivals)
        self.batches.applied()

    def arrival(
        self,
        *,
        key: bytes | None,
        value: bytes | None,
        output: Output | None = None,
        subject: str | None = None,
    ) -> Arrival:
        self.end += 1
        return Arrival(
            topic=self.sink.topics[0].name if output is None else codec.topic_of(output),
            partition=PARTITION,
            position=Position(topic_id="t1", offset=self.end - 1, ce_id=f"c{self.end - 1}"),
            headers=[
                *[("ce_id", b"c%d" % (self.end - 1)), ("odd\0", b"\xff"), ("none", None)],
                *([("ce_subject", subject.encode())] if subject else []),
            ],
            came_at=0.0,
            key=key,
            value=value,
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    def letters(self, *columns: str) -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in columns) for row in self.rows(LETTERS)]

    def names(self) -> dict[str, str | None]:
        return {row["user_id"]: row["first_name"] for row in self.rows(NAMES)}


@pytest.fixture
def view(sink: psycopg.Connection) -> Feed:
    sink.autocommit = True
    return Feed(sink, "directory_view", DirectoryView())


def forbid(owner: psycopg.Connection, name: str, error: str = "check_violation") -> None:
    """Make Postgres refuse users with a first name, as a bad constraint would."""
    owner.execute(f"""
        CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.first_name LIKE '{name}' THEN
                RAISE EXCEPTION USING
                    ERRCODE = '{error}', MESSAGE = 'no {name}', DETAIL = 'secret';
            END IF;
            RETURN NEW;
        END $$;
        CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON directory_user
            FOR EACH ROW EXECUTE FUNCTION refuse();
    """)


def allow(owner: psycopg.Connection) -> None:
    owner.execute("DROP TRIGGER refuse ON directory_user")


@pytest.fixture
def owner(database_url: str) -> Any:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def test_a_message_that_postgres_refuses_is_put_aside_whole(view: Feed) -> None:
    bad = user("b", first_name=BAD, email="b@acme.example")
    view(user("a"), bad, user("c"))
    assert list(view.names()) == ["a", "c"]
    (letter,) = view.rows(LETTERS)
    expected = {
        "tenant_id": "acme",
        "stage": "directory_view",
        "reason": "unappliable",
        "entity": entity_of(bad),
        "removal": False,
        "directory_id": "okta",
        "cause": "c1",
        "topic": "directory-events",
        "partition": PARTITION,
        "offset": 1,
        "headers": [["ce_id", "YzE="], ["odd\N{REPLACEMENT CHARACTER}", "/w=="], ["none", ""]],
        "key": b"acme",
        "value": codec.encode(bad),
        "sha256": hashlib.sha256(codec.encode(bad)).hexdigest(),
        "settled": None,
        "attempts": 0,
    }
    assert letter | expected == letter
    assert letter["detail"] == "UntranslatableCharacter: unsupported Unicode escape sequence"


def test_what_is_too_long_for_an_index_is_the_messages_fault(view: Feed) -> None:
    address = "".join(hashlib.sha256(b"%d" % n).hexdigest() for n in range(1_000))
    long = structs.replace(provisioned("b"), member=MemberRef(member_id="b", email=address))
    view(provisioned("a"), long, provisioned("c"))
    assert [row["member_id"] for row in view.rows("SELECT * FROM member")] == ["a", "c"]
    (detail,) = view.letters("detail")[0]
    assert detail.startswith("ProgramLimitExceeded: index row")
    assert address[:10] not in detail


def test_ten_of_a_thousand_are_found_with_few_tries(view: Feed) -> None:
    bad = set(range(50, 1_000, 100))
    view(*(user(f"{n:03}", first_name=BAD if n in bad else "ok") for n in range(1_000)))
    assert view.letters("offset") == [(n,) for n in sorted(bad)]
    assert list(view.names()) == [f"{n:03}" for n in range(1_000) if n not in bad]
    assert view.sink.times < 160
    assert view.sink.times > 1
    view.sink.times = 0
    view(*(user(f"{n}") for n in range(100)))
    assert view.sink.times == 1, "healthy batches are applied at once"


def test_an_audit_entry_that_comes_twice_leaves_the_chain_whole(sink: psycopg.Connection) -> None:
    sink.autocommit = True
    feed = Feed(sink, "audit_log", audit_log)
    one, two, three = (entry(sentence) for sentence in ("one", "two", "three"))
    feed(one, two, one, three)
    assert audit_log.verify(sink, "acme") == 3
    said = feed.rows("SELECT entry_id FROM audit_entry ORDER BY sequence")
    assert [row["entry_id"] for row in said] == [each.event_id for each in (one, two, three)]
    assert feed.letters("detail") == []
    feed(two, three)  # as when an operator has the log read again from its beginning
    assert audit_log.verify(sink, "acme") == 3


@pytest.mark.parametrize(
    ("key", "value", "tenant_id"),
    [
        (b"acme", b"\xff", "acme"),
        (b"acme", None, "acme"),
        (None, b"{}", ""),
        (b"not\0text\xff", b"{}", "not\N{REPLACEMENT CHARACTER}text\N{REPLACEMENT CHARACTER}"),
        (b"x" * 5_000, b"{", "x" * limits.ID_LENGTH),
        (b"other", codec.encode(user("a")), "other"),
    ],
)
def test_what_does_not_decode_is_put_aside(
    view: Feed, key: bytes | None, value: bytes | None, tenant_id: str
) -> None:
    view(user("b"), view.arrival(key=key, value=value), user("c"))
    assert list(view.names()) == ["b", "c"]
    (letter,) = view.rows(LETTERS)
    assert (letter["reason"], letter["tenant_id"]) == ("undecodable", tenant_id)
    assert (letter["key"], letter["value"]) == (key, value)
    assert letter["entity"] == f"message/{letter['letter_id']}"


def test_of_a_huge_message_the_hash_is_kept(view: Feed) -> None:
    value = b"x" * (limits.LETTER_VALUE + 1)
    view(view.arrival(key=b"acme", value=value))
    assert view.letters("value", "sha256") == [(None, hashlib.sha256(value).hexdigest())]
    view.restart()
    view.retry()
    assert view.letters("settled", "attempts") == [(None, 0)]


def test_a_removal_that_cannot_be_applied_alerts(sink: psycopg.Connection) -> None:
    sink.autocommit = True
    feed = Feed(sink, "session_revoker", SessionRevoker())
    before = metrics.REMOVALS_DEAD._value.get()
    feed(feed.arrival(key=b"acme", value=b"?"), revoke(BAD), refresh(BAD), revoke("ann"))
    assert feed.letters("removal") == [(True,), (True,), (False,)]
    assert metrics.REMOVALS_DEAD._value.get() == before + 2
    assert [row["member_id"] for row in feed.rows("SELECT * FROM member_cutoff")] == ["ann"]


def test_later_messages_of_an_entity_wait_and_others_do_not(view: Feed) -> None:
    bad = structs.replace(provisioned("ann"), attributes={"title": BAD})
    view(bad, provisioned("bob"), role_changed("ann", 2, "admin"), role_changed("bob", 2, "admin"))
    view(role_changed("ann", 3, "admin"), role_changed("bob", 3, "viewer"))
    members = view.rows("SELECT member_id, role FROM member")
    assert members == [{"member_id": "bob", "role": "viewer"}]
    reasons = [("unappliable", 0), ("waiting", 2), ("waiting", 4)]
    assert view.letters("reason", "offset") == reasons
    view.restart()
    view.retry("access-events-v1")
    view(role_changed("ann", 4, "admin"))
    assert view.letters("reason", "offset") == [*reasons, ("waiting", 6)]


def test_what_does_not_decode_is_waited_for_by_its_entity_and_waits_for_nobody(view: Feed) -> None:
    unread = view.arrival(key=b"acme", value=b"?", subject=entity_of(user("a")))
    view(user("a", first_name="1"), unread, user("a", first_name="3"), user("b"))
    assert view.names() == {"a": "1", "b": None}
    assert view.letters("reason", "offset") == [("undecodable", 0), ("waiting", 2)]
    assert {name for (name,) in view.letters("entity")} == {entity_of(user("a"))}


def test_json_of_any_depth_is_put_aside(view: Feed) -> None:
    view(view.arrival(key=b"acme", value=b"[" * 100_000), user("a"))
    assert view.letters("reason") == [("undecodable",)]


def test_what_was_dropped_is_waited_for_no_more(view: Feed) -> None:
    view(user("a", first_name=BAD))
    view.rows("UPDATE dead_letter SET settled = 'dropped' RETURNING letter_id")
    view(user("a", first_name="2"))
    assert view.names() == {"a": "2"}
    assert view.letters("offset") == [(0,)]


def test_a_cut_off_waits_for_nothing(sink: psycopg.Connection, owner: psycopg.Connection) -> None:
    sink.autocommit = True
    feed = Feed(sink, "session_revoker", SessionRevoker())
    owner.execute("ALTER TABLE member_cutoff ADD CHECK (login_revision IS NOT NULL)")
    feed(refresh("ann"), revoke("ann"), refresh("ann"))
    assert feed.letters("offset", "removal") == [(0, False), (2, False)]
    assert [row["member_id"] for row in feed.rows("SELECT * FROM member_cutoff")] == ["ann"]


def test_after_the_repair_all_are_applied_in_their_order(
    view: Feed, owner: psycopg.Connection
) -> None:
    forbid(owner, "bad%")
    view(user("a", first_name="bad"), user("b", first_name="bad"))
    for name in ("2", "3"):
        view(user("a", first_name=name))
    view(view.arrival(key=b"acme", value=b"{}"))
    allow(owner)
    forbid(owner, "2")
    view.restart()
    view.retry()
    assert view.names() == {"a": "bad", "b": "bad"}
    assert view.letters("offset", "settled", "attempts") == [
        (0, "replayed", 0),
        (1, "replayed", 0),
        (2, None, 1),
        (3, None, 0),
        (4, None, 1),
    ]
    assert ("CheckViolation: no 2",) in view.letters("detail"), "without what DETAIL says"
    allow(owner)
    view.restart()
    view.retry()
    view(user("a", first_name="4"))
    assert view.names() == {"a": "4", "b": "bad"}
    assert [how for (how,) in view.letters("settled")] == [*["replayed"] * 4, None]


def test_only_the_partitions_own_letters_are_tried(view: Feed, owner: psycopg.Connection) -> None:
    forbid(owner, "bad")
    view(user("a", first_name="bad"))
    allow(owner)
    view.retry("access-events-v1")
    with view.connection.transaction():
        view.batches.retry("directory-events", PARTITION + 1)
    Feed(view.connection, "another", DirectoryView()).retry()
    assert view.letters("settled") == [(None,)]


def bad_ones(feed: Feed, count: int) -> list[Output]:
    return [user(str(feed.end + n), first_name=BAD) for n in range(count)]


def test_a_spent_budget_ends_it_and_keeps_nothing(view: Feed) -> None:
    spent = limits.BUDGET_LETTERS
    with pytest.raises(BudgetSpentError, match=f"could not apply {spent} of .*the last: Untrans"):
        view(*(user(f"{n}", first_name=BAD) for n in range(limits.SINK_BATCH)))
    assert view.letters("offset") == []
    first = str(view.end)
    view(*bad_ones(view, spent - 2))
    for _ in range(3):  # what waits is not wrong in itself
        view(user(first, first_name="waits"))
    view(*bad_ones(view, 1))
    view.restart()  # the table counts, so a new process knows
    with pytest.raises(BudgetSpentError):
        view(*bad_ones(view, 1))
    assert len(view.letters("offset")) == spent - 1 + 3
    view.rows("UPDATE dead_letter SET settled = 'dropped' RETURNING letter_id")
    view(*bad_ones(view, 1))


def test_letters_of_long_ago_do_not_count(view: Feed) -> None:
    view(*bad_ones(view, limits.BUDGET_LETTERS - 1))
    view.end += limits.BUDGET_WINDOW
    view(*bad_ones(view, 1))
    assert len(view.letters("offset")) == limits.BUDGET_LETTERS


@pytest.mark.parametrize("error", [DiskFull, SerializationFailure, DeadlockDetected])
def test_an_error_that_is_not_about_the_message_ends_it(
    view: Feed, owner: psycopg.Connection, error: type[psycopg.Error]
) -> None:
    forbid(owner, "bad", error.sqlstate or "")
    with pytest.raises(error):
        view(user("a"), user("b", first_name="bad"))
    assert view.names() == {}
    assert view.letters("offset") == []


def test_a_missing_table_and_a_lost_connection_end_it(
    view: Feed, owner: psycopg.Connection
) -> None:
    owner.execute("ALTER TABLE directory_user RENAME TO elsewhere")
    with pytest.raises(psycopg.errors.UndefinedTable):
        view(user("a"))
    owner.execute("SELECT pg_terminate_backend(%s)", [view.connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        view(user("a"))


def test_letters_are_counted_by_stage_and_reason(view: Feed) -> None:
    counted = metrics.DEAD_LETTERS.labels(stage="directory_view", reason="unappliable")._value
    before = counted.get()
    view(user("a", first_name=BAD), user("b"))
    assert counted.get() == before + 1
