"""`rollcall audit`: who got what, and because of what."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, Limit, Tenant

app = typer.Typer(no_args_is_help=True)

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _moment(given: str) -> str:
    """`7d`, or an ISO time without an offset as UTC, as the API takes it."""
    if age := re.fullmatch(r"(\d{1,5})([mhdw])", given):
        return (datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})).isoformat()
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(
            f"{given} is neither an age (30m, 12h, 7d, 2w) nor a time (2026-03-01T09:00)"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


Since = Annotated[
    str | None,
    typer.Option(
        parser=_moment, metavar="AGE|TIME", help="Not older: 12h, 7d, 2w, or an ISO time in UTC."
    ),
]


@app.command("list")
def list_entries(
    *,
    tenant: Tenant,
    member: Annotated[str | None, typer.Option(help="Only about this member.")] = None,
    role_to: Annotated[str | None, typer.Option(help="Only who got this role.")] = None,
    since: Since = None,
    before: Annotated[int | None, typer.Option(help="Go on before this sequence.")] = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List audit entries, newest first.

    Example (who got admin last week?): rollcall audit list -t acme --role-to admin --since 7d
    """
    only = {"member": member, "role_to": role_to, "since": since}
    body = client.connect().get("tenants", tenant, "audit", **only, before=before, limit=limit)
    columns = ("recorded_at", "decision", "sentence")
    display.rows(body, "entries", columns, json_wanted=json)
    if body["before"] and not json:
        typer.echo(f"There are more: --before {body['before']}")
