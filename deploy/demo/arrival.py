"""The chapters in which a company arrives: set-up, first sync, and what became of it."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.cli import display
from deploy.demo import company, narration
from deploy.demo.company import TENANT, Expected
from deploy.demo.narration import say
from deploy.demo.posting import AT_ONCE, post_all
from deploy.demo.running import Rollcall
from deploy.simulate.workos import Event

ARRIVAL_SECONDS: Final = 180.0
"""How long the whole sync may take to arrive in the read models."""

_POLL_SECONDS: Final = 0.2


def set_up(rollcall: Rollcall, events: Sequence[Event]) -> None:
    """Make the tenant, its roles, workspaces, directory and mappings."""
    narration.chapter(f"Set up: {company.NAME}, its roles and workspaces, what its groups grant")
    of_tenant = ("-t", TENANT)
    directory = ("directory", "assign", company.DIRECTORY, "--name", "Acme Okta")
    roles = (("role", "set", *_role(slug), *of_tenant) for slug in company.RANKS)
    workspaces = (
        ("workspace", "create", slug, "--name", name, *of_tenant)
        for slug, name in company.WORKSPACES.items()
    )
    mappings = (
        ("mapping", "set", group_id, "-d", company.DIRECTORY, *_grant(name), *of_tenant)
        for name, group_id in company.group_ids(events).items()
    )
    narration.run(rollcall, [("tenant", "create", TENANT, "--name", company.NAME)])
    narration.run(rollcall, [*roles, *workspaces, (*directory, "--provider", "okta", *of_tenant)])
    narration.run(rollcall, list(mappings))


def _role(slug: str) -> list[str]:
    flags = ["--admin"] if slug in company.ADMIN_ROLES else []
    flags += ["--default"] if slug == company.DEFAULT_ROLE else []
    return [slug, "--rank", str(company.RANKS[slug]), *flags]


def _grant(group: str) -> list[str]:
    role, workspaces = company.GRANTS[group]
    words = ["--role", role] if role else []
    return words + [word for each in workspaces for word in ("--workspace", each)]


def sync(rollcall: Rollcall, events: Sequence[Event]) -> None:
    """Post the first sync and wait until everybody has exactly the access that is due.

    Raises:
        CommandError: a webhook was refused, or somebody's access is still another in the end.
    """
    again = len(events) - len({event["id"] for event in events})
    expected = company.expected(events)
    narration.chapter(
        f"First sync: {len(expected):,} people, {len(company.GRANTS)} groups, {len(events):,}"
        f" signed webhooks, out of order, {again} of them repeats, {AT_ONCE} at once"
    )
    began = time.monotonic()
    _post(rollcall, events)
    narration.until(
        lambda: _arrived(rollcall) == expected,
        "everybody has the role and workspaces that are due",
        seconds=ARRIVAL_SECONDS,
        poll_seconds=_POLL_SECONDS,
    )
    say(
        f"  {time.monotonic() - began:.1f} s from the first webhook until all {len(expected):,}"
        " have exactly the role and workspaces that their groups grant"
    )


def _post(rollcall: Rollcall, events: Sequence[Event]) -> None:
    bar = (TextColumn("  posted"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=narration.console) as progress:
        task = progress.add_task("posted", total=len(events))
        post_all(events, rollcall.url, rollcall.webhook_secret, lambda: progress.advance(task))


def _arrived(rollcall: Rollcall) -> dict[str, Expected]:
    return {
        member["email"]: Expected(
            role=member["role"],
            workspaces=frozenset(grant["workspace"] for grant in member["workspaces"]),
        )
        for member in _members(rollcall)
    }


def _members(rollcall: Rollcall) -> list[dict[str, Any]]:
    page = rollcall.get("tenants", TENANT, "members", limit=200)
    members: list[dict[str, Any]] = page["members"]
    while page["after"] is not None:
        page = rollcall.get("tenants", TENANT, "members", limit=200, after=page["after"])
        members += page["members"]
    return members


def show(rollcall: Rollcall) -> None:
    """Count members by role and workspace, and show a few of them."""
    narration.chapter("Who may do what")
    members = _members(rollcall)
    roles = Counter(member["role"] for member in members)
    workspaces = Counter(grant["workspace"] for member in members for grant in member["workspaces"])
    by_rank = sorted(company.RANKS, key=company.RANKS.__getitem__, reverse=True)
    narration.say("")
    display.table([{"role": each, "members": roles[each]} for each in by_rank], ("role", "members"))
    narration.say("")
    display.table(
        [{"workspace": each, "members": workspaces[each]} for each in company.WORKSPACES],
        ("workspace", "members"),
    )
    narration.show(rollcall, "mapping", "list", "-t", TENANT)
    narration.show(rollcall, "members", "list", "-t", TENANT, "--limit", "5")
