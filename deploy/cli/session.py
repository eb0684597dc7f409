"""`rollcall session`: the reference session store, for products that have none."""

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, Label, MemberId, Tenant

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(member: MemberId, tenant: Tenant, label: Label, json: AsJson = False) -> None:
    """Open a session of a member, as a login in your product would.

    Example: rollcall session create "$MEMBER" --label "Firefox on Linux" -t acme
    """
    path = ("tenants", tenant, "members", member, "sessions")
    body = client.connect().post(*path, label=label)
    display.done(body, f"The session {body['session_id']} is open.", json_wanted=json)


@app.command("list")
def list_sessions(member: MemberId, tenant: Tenant, json: AsJson = False) -> None:
    """List a member's sessions that are valid now.

    Example: rollcall session list "$MEMBER" -t acme
    """
    body = client.connect().get("tenants", tenant, "members", member, "sessions")
    display.rows(body, "sessions", ("session_id", "label", "created_at"), json_wanted=json)
