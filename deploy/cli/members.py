"""`rollcall members`: the people of a tenant."""

from typing import Annotated, Literal

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, Limit, MemberId, Tenant

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("display_name", "email", "role", "workspaces", "standing", "member_id")


@app.command("list")
def list_members(
    *,
    tenant: Tenant,
    role: Annotated[str | None, typer.Option(help="Only with this role.")] = None,
    workspace: Annotated[str | None, typer.Option(help="Only in this workspace.")] = None,
    standing: Annotated[
        Literal["active", "none"] | None, typer.Option(help="Only who may log in, or may not.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="Only with this address.")] = None,
    after: Annotated[str | None, typer.Option(help="Go on after this place.")] = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List members with their roles and workspaces.

    Example: rollcall members list -t acme --role admin
    """
    only = {"role": role, "workspace": workspace, "standing": standing, "email": email}
    body = client.connect().get("tenants", tenant, "members", **only, after=after, limit=limit)
    display.rows(body, "members", _COLUMNS, json_wanted=json)
    if body["after"] and not json:
        typer.echo(f"There are more: --after {body['after']}")


@app.command()
def show(member: MemberId, tenant: Tenant, json: AsJson = False) -> None:
    """Show a member: access, directory users and their groups, sessions, API keys.

    Example: rollcall members show "$MEMBER" -t acme
    """
    body = client.connect().get("tenants", tenant, "members", member)
    if json:
        display.as_json(body)
        return
    display.table([body], (*_COLUMNS, "changed_at"))
    for name, columns in _PARTS.items():
        display.rows(body, name, columns, json_wanted=False)


_PARTS = {
    "users": ("directory_id", "idp_id", "active", "deleted", "groups"),
    "sessions": ("session_id", "label", "created_at"),
    "api_keys": ("key_id", "label", "created_at", "revoked_at"),
}
