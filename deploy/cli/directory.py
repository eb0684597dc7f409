"""`rollcall directory`: the links to a tenant's IdP."""

from typing import Annotated, Literal

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, Tenant

app = typer.Typer(no_args_is_help=True)

# `schemas.changes.Provider`, repeated because importing it would slow down --help; a test compares.
Provider = Literal["okta", "entra", "onelogin", "jumpcloud", "google", "pingone", "generic"]


@app.command()
def create(
    directory_id: Annotated[
        str, typer.Argument(help="Its id at WorkOS: directory_…", show_default=False)
    ],
    tenant: Tenant,
    name: Annotated[str, typer.Option(help="How people call it.", show_default=False)],
    provider: Annotated[Provider, typer.Option(help="Which IdP it is.")] = "generic",
    json: AsJson = False,
) -> None:
    """Give a WorkOS directory to a tenant; from now on its webhooks count.

    Example: rollcall directory create directory_01ABC --name Okta --provider okta -t acme
    """
    details = {"directory_id": directory_id, "name": name, "provider": provider}
    body = client.connect().post("tenants", tenant, "directories", **details)
    display.done(body, f"The directory {directory_id} belongs to {tenant}.", json_wanted=json)


@app.command("list")
def list_directories(tenant: Tenant, json: AsJson = False) -> None:
    """List the directories of a tenant.

    Example: rollcall directory list -t acme
    """
    body = client.connect().get("tenants", tenant, "directories")
    columns = ("directory_id", "name", "provider", "kind")
    display.rows(body, "directories", columns, json_wanted=json)
