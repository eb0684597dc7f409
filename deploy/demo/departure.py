"""The chapter in which somebody leaves, and is cut off while it is measured."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from deploy.cli.errors import CommandError
from deploy.demo import narration
from deploy.demo.company import TENANT
from deploy.demo.posting import PATH, request
from deploy.demo.running import Rollcall
from deploy.simulate.workos import Event, deactivation

DEADLINE_SECONDS: Final = 60.0
"""How long the cut-off, and its audit entry, may take before the demo calls it a failure."""

_POLL_SECONDS: Final = 0.05


def tell(rollcall: Rollcall, events: Sequence[Event]) -> None:
    """Give an admin sessions and an API key, deactivate them, show what happened and why.

    Raises:
        CommandError: something did not happen in time.
    """
    admins = rollcall.get("tenants", TENANT, "members", role="admin", limit=1)["members"]
    member_id, name, email = (admins[0][key] for key in ("member_id", "display_name", "email"))
    narration.chapter(f"{name}, an admin, leaves")
    of_tenant = ("-t", TENANT)
    for created in (
        ("session", "create", member_id, "--label", "Firefox on Linux", *of_tenant),
        ("session", "create", member_id, "--label", "the mobile app", *of_tenant),
        ("api-key", "create", member_id, "--label", "nightly export", *of_tenant),
    ):
        narration.show(rollcall, *created)
    narration.show(rollcall, "session", "list", member_id, *of_tenant)
    seconds = _cut_off(rollcall, member_id, _report_of(events, email))
    narration.say(
        f"\n  {seconds * 1000:.0f} ms from sending the webhook (dsync.user.updated, state inactive)"
        " until the session rows were gone",
        style="bold green",
    )
    _explained(rollcall, member_id)
    narration.show(rollcall, "api-key", "list", member_id, *of_tenant)
    narration.show(rollcall, "audit", "list", "--member", member_id, "--limit", "5", *of_tenant)


def _report_of(events: Sequence[Event], email: str) -> Event:
    """The event that brought a person."""
    return next(
        event
        for event in events
        if event["event"] == "dsync.user.created" and event["data"]["email"] == email
    )


def _cut_off(rollcall: Rollcall, member_id: str, created: Event) -> float:
    """Deactivate a person and return the seconds until no session was left."""
    sessions = ("tenants", TENANT, "members", member_id, "sessions")
    assert rollcall.get(*sessions)["sessions"]
    body, headers = request(deactivation(created, datetime.now(UTC)), rollcall.webhook_secret)
    began = time.monotonic()
    answer = rollcall.http.post(PATH, content=body, headers=headers)
    if answer.status_code != 200:
        raise CommandError(f"The webhook was answered {answer.status_code}: {answer.text}")
    narration.until(
        lambda: not rollcall.get(*sessions)["sessions"],
        "no session is left",
        seconds=DEADLINE_SECONDS,
        poll_seconds=0,
    )
    return time.monotonic() - began


def _explained(rollcall: Rollcall, member_id: str) -> None:
    """Wait for the audit log, which has a consumer of its own."""

    def explained() -> bool:
        about = rollcall.get("tenants", TENANT, "audit", member=member_id, limit=5)
        return any("lost all access" in entry["sentence"] for entry in about["entries"])

    narration.until(
        explained,
        "the audit log explains it",
        seconds=DEADLINE_SECONDS,
        poll_seconds=_POLL_SECONDS,
    )
