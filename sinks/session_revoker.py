"""Ends sessions and API keys: a member's cut-off first, then what was made before it.

A login that began before the cut-off and commits after it is not seen by the DELETE.  Its session
is void all the same: it carries the member's revision of then, and the cut-off the later one of the
deactivation (DESIGN §6).  What was made since, after a reactivation, is left alone.

Whoever holds a lock on a session does not hold up its member's cut-off: the session is left over,
void as it is, and ended later.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from psycopg import Connection
from psycopg.errors import LockNotAvailable

from schemas.codec import Output
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.topics import SESSION_REVOCATIONS
from sinks.rows import as_json

LOCK_SECONDS: Final = 1.0
"""How long a lock on a whole table may hold this up; a lock on a row does not at all."""

SEARCH_SECONDS: Final = 600.0
"""How often all void sessions are looked for: those that another process left over, and those of
logins that were under way during the cut-off."""

_LOGIN: Final = """
    INSERT INTO member_cutoff (tenant_id, member_id, login_cutoff, login_revision)
    SELECT tenant_id, member_id, clock_timestamp(), login_revision
    FROM json_populate_recordset(NULL::member_cutoff, %s::json)
    ON CONFLICT (tenant_id, member_id) DO UPDATE
    SET login_cutoff = greatest(member_cutoff.login_cutoff, excluded.login_cutoff),
        login_revision = greatest(member_cutoff.login_revision, excluded.login_revision)
"""
_CLAIMS: Final = """
    INSERT INTO member_cutoff (tenant_id, member_id, claims_cutoff)
    SELECT tenant_id, member_id, clock_timestamp()
    FROM json_populate_recordset(NULL::member_cutoff, %s::json)
    ON CONFLICT (tenant_id, member_id) DO UPDATE
    SET claims_cutoff = greatest(member_cutoff.claims_cutoff, excluded.claims_cutoff)
"""
_END_SESSIONS: Final = """
    WITH void AS MATERIALIZED (
        SELECT session.tenant_id, session.session_id
        FROM json_populate_recordset(NULL::member_cutoff, %s::json) AS asked
        JOIN member_cutoff USING (tenant_id, member_id)
        JOIN session USING (tenant_id, member_id)
        WHERE session.member_revision <= member_cutoff.login_revision
        FOR UPDATE OF session SKIP LOCKED
    )
    DELETE FROM session USING void
    WHERE session.tenant_id = void.tenant_id AND session.session_id = void.session_id
"""
_REVOKE_KEYS: Final = """
    WITH void AS MATERIALIZED (
        SELECT api_key.tenant_id, api_key.key_id
        FROM json_populate_recordset(NULL::member_cutoff, %s::json) AS asked
        JOIN member_cutoff USING (tenant_id, member_id)
        JOIN api_key USING (tenant_id, member_id)
        WHERE api_key.member_revision <= member_cutoff.login_revision
        AND api_key.revoked_at IS NULL
        FOR UPDATE OF api_key SKIP LOCKED
    )
    UPDATE api_key SET revoked_at = clock_timestamp() FROM void
    WHERE api_key.tenant_id = void.tenant_id AND api_key.key_id = void.key_id
"""
_LEFT: Final = """
    WITH asked AS (
        SELECT tenant_id, member_id, member_cutoff.login_revision
        FROM json_populate_recordset(NULL::member_cutoff, %s::json)
        JOIN member_cutoff USING (tenant_id, member_id)
    )
    SELECT tenant_id, member_id FROM asked JOIN session USING (tenant_id, member_id)
    WHERE member_revision <= login_revision
    UNION
    SELECT tenant_id, member_id FROM asked JOIN api_key USING (tenant_id, member_id)
    WHERE member_revision <= login_revision AND revoked_at IS NULL
"""
_ALL_LEFT: Final = """
    SELECT tenant_id, member_id FROM member_cutoff JOIN session USING (tenant_id, member_id)
    WHERE member_revision <= login_revision
    UNION
    SELECT tenant_id, member_id FROM member_cutoff JOIN api_key USING (tenant_id, member_id)
    WHERE member_revision <= login_revision AND revoked_at IS NULL
"""

log = structlog.get_logger()

Key = tuple[str, str]
"""Tenant id and member id."""


class SessionRevoker:
    """Remembers whose sessions it could not end yet."""

    topics: Final = (SESSION_REVOCATIONS,)
    """What this sink reads."""

    def __init__(self) -> None:
        self._left: set[Key] = set()
        self._searched_at: float | None = None

    def apply(self, connection: Connection, outputs: Sequence[Output]) -> None:
        """Cut off and revoke within the caller's transaction."""
        revoked: dict[Key, int] = {}
        stale: set[Key] = set()
        for command in outputs:
            match command:
                case RevokeSessions():
                    revoked[command.tenant_id, command.member.member_id] = command.revision
                case RefreshClaims():
                    stale.add((command.tenant_id, command.member.member_id))
                case _:
                    raise AssertionError(f"{type(command).__name__} is on no topic of this sink")
        if stale:
            connection.execute(_CLAIMS, [_rows(stale)])
        if revoked:
            connection.execute(_LOGIN, [_rows(revoked, revoked)])
            self._end(connection, set(revoked))

    def tidy(self, connection: Connection, /) -> None:
        """End what was left over."""
        now = time.monotonic()
        if self._searched_at is None or now - self._searched_at >= SEARCH_SECONDS:
            with _impatient(connection):
                self._left |= set(connection.execute(_ALL_LEFT).fetchall())
                self._searched_at = now
        if self._left:
            self._end(connection, self._left)

    def _end(self, connection: Connection, keys: set[Key]) -> None:
        """End void sessions and keys of members, but for those that somebody has locked."""
        asked, left = [_rows(keys)], keys
        with _impatient(connection):
            connection.execute(_END_SESSIONS, asked)
            connection.execute(_REVOKE_KEYS, asked)
            left = set(connection.execute(_LEFT, asked).fetchall())
        if left - self._left:
            log.warning(
                "members are cut off, but somebody has locked sessions or API keys of theirs: these"
                " are ended as soon as they are free",
                members=len(left),
            )
        self._left = (self._left - keys) | left


@contextmanager
def _impatient(connection: Connection) -> Iterator[None]:
    """A savepoint that is given up when somebody has locked a whole table."""
    with suppress(LockNotAvailable), connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        yield


def _rows(keys: Iterable[Key], revisions: Mapping[Key, int] | None = None) -> str:
    """Sorted, so that whoever locks the same rows does it in the same order."""
    return as_json(
        {"tenant_id": key[0], "member_id": key[1], "login_revision": (revisions or {}).get(key)}
        for key in sorted(keys)
    )
