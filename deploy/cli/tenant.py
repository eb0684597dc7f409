"""`rollcall tenant`: the customers."""

from typing import Annotated

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    tenant_id: Annotated[str, typer.Argument(help="Its id in your product.", show_default=False)],
    name: Annotated[str, typer.Option(help="How people call it.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Open a tenant: one customer, with people, roles and workspaces of its own.

    Example: rollcall tenant create acme --name "Acme Inc."
    """
    body = client.connect().post("tenants", tenant_id=tenant_id, name=name)
    display.done(body, f"The tenant {tenant_id} is open.", json_wanted=json)


@app.command("list")
def list_tenants(json: AsJson = False) -> None:
    """List the tenants.

    Example: rollcall tenant list
    """
    body = client.connect().get("tenants")
    columns = ("tenant_id", "name", "default_role")
    display.rows(body, "tenants", columns, json_wanted=json)
