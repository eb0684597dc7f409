"""Ends sessions and API keys: a member's cut-off first, then what was made before it.

A login that began before the cut-off and commits after it is not seen by the DELETE.  Its session
is void all the same: it carries the member's revision of then, and the cut-off the later one of the
deactivation (DESIGN §6).  What was made since, after a reactivation, is left alone.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import Connection

from schemas.codec import Output
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.topics import SESSION_REVOCATIONS
from sinks.rows import as_json

LOCK_SECONDS: Final = 5
"""How long somebody else's lock on a session may hold this up; then the process starts again."""

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
    DELETE FROM session USING json_populate_recordset(NULL::session, %s::json) AS gone
    WHERE session.tenant_id = gone.tenant_id AND session.member_id = gone.member_id
    AND session.member_revision <= gone.member_revision
"""
_REVOKE_KEYS: Final = """
    UPDATE api_key SET revoked_at = clock_timestamp()
    FROM json_populate_recordset(NULL::api_key, %s::json) AS gone
    WHERE api_key.tenant_id = gone.tenant_id AND api_key.member_id = gone.member_id
    AND api_key.revoked_at IS NULL AND api_key.member_revision <= gone.member_revision
"""

topics: Final = (SESSION_REVOCATIONS,)
"""What this sink reads."""

Key = tuple[str, str]
"""Tenant id and member id."""


def apply(connection: Connection, outputs: Sequence[Output]) -> None:
    """Cut off and revoke within the caller's transaction."""
    revoked: dict[Key, int] = {}
    stale: dict[Key, int] = {}
    for command in outputs:
        match command:
            case RevokeSessions():
                revoked[command.tenant_id, command.member.member_id] = command.revision
            case RefreshClaims():
                stale[command.tenant_id, command.member.member_id] = command.revision
            case _:
                raise AssertionError(f"{type(command).__name__} is on no topic of this sink")
    if stale:
        connection.execute(_CLAIMS, [as_json(_rows(stale))])
    if revoked:
        rows = _rows(revoked)
        connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        connection.execute(_LOGIN, [as_json(rows)])
        connection.execute(_END_SESSIONS, [as_json(rows)])
        connection.execute(_REVOKE_KEYS, [as_json(rows)])


def _rows(revisions: Mapping[Key, int]) -> list[dict[str, str | int]]:
    """Sorted, so that whoever locks the same rows does it in the same order."""
    return [
        {
            "tenant_id": tenant,
            "member_id": member,
            "login_revision": revision,
            "member_revision": revision,
        }
        for (tenant, member), revision in sorted(revisions.items())
    ]
