"""`rollcall mapping`: what the groups of a directory grant."""

from typing import Annotated

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, Tenant

app = typer.Typer(no_args_is_help=True)


@app.command("set")
def set_mapping(
    group_id: Annotated[
        str,
        typer.Argument(
            help="Its id: directory_group_… at WorkOS; see `rollcall directory groups`.",
            show_default=False,
        ),
    ],
    *,
    tenant: Tenant,
    directory: Annotated[str, typer.Option("--directory", "-d", help="Id of its directory.")],
    role: Annotated[str | None, typer.Option(help="The role that it grants.")] = None,
    workspace: Annotated[
        list[str] | None,
        typer.Option(metavar="SLUG[:ROLE]", help="A workspace that it grants; repeatable."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say what a group grants: a role, workspaces, both, or (with neither) nothing.

    Example: rollcall mapping set "$GROUP" -d directory_01ABC --workspace sales:viewer -t acme
    """
    grants = [_grant(each) for each in workspace or ()]
    path = ("tenants", tenant, "directories", directory, "mappings", group_id)
    body = client.connect().put(*path, role=role, workspaces=grants)
    display.done(body, f"The mapping of {group_id} is set.", json_wanted=json)


@app.command("list")
def list_mappings(tenant: Tenant, json: AsJson = False) -> None:
    """List what groups grant in a tenant.

    Example: rollcall mapping list -t acme
    """
    body = client.connect().get("tenants", tenant, "mappings")
    columns = ("group_name", "role", "workspaces", "group_id")
    display.rows(body, "mappings", columns, json_wanted=json)


def _grant(given: str) -> dict[str, str | None]:
    slug, _, role = given.partition(":")
    return {"workspace": slug, "role": role or None}
