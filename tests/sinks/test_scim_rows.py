"""What the SCIM door reads: tokens, holds, warnings, and up to where a directory is told."""

from typing import Any

from schemas.access import Access
from schemas.recorded import ChangeSettled, HoldRecorded, TokenRecorded, WarningRecorded
from schemas.settings import Settings
from sinks.connection import connect
from sinks.directory_view import DirectoryView
from tests.sinks.messages import NOON, common

DIRECTORY: dict[str, Any] = {"directory_id": "okta"}
TOKEN: dict[str, Any] = DIRECTORY | {
    "token_id": "k3v9",
    "sha256": "5e",
    "created_at": NOON,
    "expires_at": None,
    "revoked_at": None,
}
HOLD: dict[str, Any] = {
    "member_id": "m-ann",
    "display_name": "Ann",
    "discarded": False,
    "desired": Access(),
}


def told(database_url: str, *events: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The rows after some batches, one an event."""
    with connect(Settings(database_url=database_url)) as connection:
        for event in events:
            DirectoryView().apply(connection, [event])
        connection.commit()
        return {
            name: connection.execute(f"SELECT * FROM {name}".encode()).fetchall()
            for name in ("scim_token", "hold", "directory_warning", "directory_revision")
        }


def settled(revision: int) -> ChangeSettled:
    return ChangeSettled(**common(), status=200, body={}, directory_id="okta", revision=revision)


def test_a_token_is_there_and_is_revoked(database_url: str) -> None:
    made = TokenRecorded(**common(), **TOKEN)
    revoked = TokenRecorded(**common(), **TOKEN | {"revoked_at": NOON})
    (row,) = told(database_url, made, revoked)["scim_token"]
    assert row == ("acme", "okta", "k3v9", "5e", NOON, None, NOON)


def test_a_hold_goes_when_it_has_no_reason(database_url: str) -> None:
    held = HoldRecorded(**common(), **HOLD, reason="breaker")
    (row,) = told(database_url, held)["hold"]
    assert row[:5] == ("acme", "m-ann", "Ann", "breaker", False)
    assert told(database_url, HoldRecorded(**common(), **HOLD, reason=None))["hold"] == []


def test_a_warning_stands_once(database_url: str) -> None:
    kinds: dict[str, Any] = {"kind": "unknown_member", "what": "g1"}
    twice = [WarningRecorded(**common(), **DIRECTORY, **kinds) for _ in range(2)]
    assert len(told(database_url, *twice)["directory_warning"]) == 1


def test_the_newest_revision_of_a_directory_stands(database_url: str) -> None:
    plain = ChangeSettled(**common(), status=200, body={})
    rows = told(database_url, settled(7), settled(9), plain)["directory_revision"]
    assert rows == [("acme", "okta", 9)]
