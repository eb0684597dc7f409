"""`rollcall role`: what members of a tenant can be."""

from typing import Annotated

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, Tenant

app = typer.Typer(no_args_is_help=True)


@app.command("set")
def set_role(
    slug: Annotated[str, typer.Argument(help="Its name in your product.", show_default=False)],
    *,
    tenant: Tenant,
    rank: Annotated[
        int, typer.Option(help="Of several roles the highest rank wins.", show_default=False)
    ],
    admin: Annotated[bool, typer.Option("--admin", help="Its members administer.")] = False,
    default: Annotated[
        bool, typer.Option("--default", help="For active people in no mapped group.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Make a role, or change it; members that it touches are decided anew.

    Example: rollcall role set admin --rank 30 --admin -t acme
    """
    flags = {"rank": rank, "is_admin": admin, "is_default": default}
    body = client.connect().put("tenants", tenant, "roles", slug, **flags)
    display.done(body, f"The role {slug} has rank {rank}.", json_wanted=json)


@app.command("list")
def list_roles(tenant: Tenant, json: AsJson = False) -> None:
    """List the roles of a tenant.

    Example: rollcall role list -t acme
    """
    body = client.connect().get("tenants", tenant, "roles")
    display.rows(body, "roles", ("slug", "rank", "is_admin"), json_wanted=json)
