"""`rollcall members`: the people of a tenant."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from deploy.cli import client, display, importing
from deploy.cli.errors import CommandError
from deploy.cli.options import AsJson, DirectoryId, Limit, MemberId, Tenant

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("display_name", "email", "role", "workspaces", "standing", "product_id", "member_id")


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
    if body["manual"] is not None:
        typer.echo("What the product says:")
        display.fields(body["manual"])


@app.command("import")
def import_members(
    file: Annotated[Path, typer.Argument(help="A .csv or .ndjson file.", show_default=False)],
    tenant: Tenant,
    json: AsJson = False,
) -> None:
    """Tell Rollcall of the people whom the product has already, so that none is made twice.

    CSV needs a heading with product_id, and takes email, display_name, external_id, role,
    workspaces (`design;sales:viewer`), standing (active or suspended), joined_at, protected and
    member_id. NDJSON takes the same as one object a line, as the API does.

    Nothing is sent before every line is read. The same file again changes nothing.

    Example: rollcall members import people.csv -t acme
    """
    people = importing.read(file)
    result = importing.send(client.connect(), tenant, people)
    if json:
        display.as_json(result.body())
    else:
        display.fields(result.counts)
        for row in result.to_look_at:
            typer.echo(display.printable(row))
    if result.counts["refused"]:
        raise CommandError("Some were refused: mend these lines, and import the file again.")


@app.command()
def link(
    member: MemberId,
    directory: DirectoryId,
    user: Annotated[str, typer.Argument(metavar="USER", help="Id of the directory user.")],
    tenant: Tenant,
    json: AsJson = False,
) -> None:
    """Say that somebody of a directory is this member; whose they were before lets go.

    Example: rollcall members link "$MEMBER" "$DIRECTORY" "$USER" -t acme
    """
    path = ("tenants", tenant, "members", member, "links", directory)
    body = client.connect().put(*path, user_id=user)
    display.done(body, f"{user} of {directory} is {member}.", json_wanted=json)


@app.command()
def unlink(member: MemberId, directory: DirectoryId, tenant: Tenant, json: AsJson = False) -> None:
    """End that a directory speaks for this member, who keeps their access for now.

    Nothing that the IdP sends links them again: only `rollcall members link` does.

    Example: rollcall members unlink "$MEMBER" "$DIRECTORY" -t acme
    """
    body = client.connect().delete("tenants", tenant, "members", member, "links", directory)
    sentence = f"{directory} no longer speaks for {member}, who keeps their access."
    display.done(body, sentence, json_wanted=json)


_PARTS = {
    "users": ("directory_id", "idp_id", "active", "deleted", "groups"),
    "sessions": ("session_id", "label", "created_at"),
    "api_keys": ("key_id", "label", "created_at", "revoked_at"),
}
