"""`rollcall workspace`: what members of a tenant work in."""

from typing import Annotated

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, Tenant

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    slug: Annotated[str, typer.Argument(help="Its id in your product.", show_default=False)],
    tenant: Tenant,
    name: Annotated[str, typer.Option(help="How people call it.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Make a workspace, so that mappings can grant it.

    Example: rollcall workspace create design --name Design -t acme
    """
    body = client.connect().post("tenants", tenant, "workspaces", slug=slug, name=name)
    display.done(body, f"The workspace {slug} is there.", json_wanted=json)


@app.command("list")
def list_workspaces(tenant: Tenant, json: AsJson = False) -> None:
    """List the workspaces of a tenant.

    Example: rollcall workspace list -t acme
    """
    body = client.connect().get("tenants", tenant, "workspaces")
    display.rows(body, "workspaces", ("slug", "name"), json_wanted=json)
