"""`rollcall token`: what an IdP writes to a SCIM directory with."""

from typing import Annotated

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, DirectoryId, Tenant
from schemas import limits

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    directory: DirectoryId,
    tenant: Tenant,
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=limits.TOKEN_DAYS, help="How long it is good; else until it is revoked."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Make a token of a SCIM directory, and show it this once.

    To replace one: create the second, put it into the IdP, revoke the first. Both work meanwhile.

    Example: rollcall token create "$DIRECTORY" --days 365 -t acme
    """
    path = ("tenants", tenant, "directories", directory, "tokens")
    body = client.connect().post(*path, days=days)
    sentence = f"This token of {directory} is shown once and kept nowhere: put it into the IdP now."
    display.done(body, sentence, body["token"], json_wanted=json)


@app.command("list")
def list_tokens(directory: DirectoryId, tenant: Tenant, json: AsJson = False) -> None:
    """List the tokens of a SCIM directory, those that have ended too.

    Example: rollcall token list "$DIRECTORY" -t acme
    """
    body = client.connect().get("tenants", tenant, "directories", directory, "tokens")
    columns = ("token_id", "created_at", "expires_at", "revoked_at", "last_used_at")
    display.rows(body, "tokens", columns, json_wanted=json)


@app.command()
def revoke(
    directory: DirectoryId,
    token: Annotated[
        str,
        typer.Argument(
            metavar="TOKEN_ID", help="Its id (see `rollcall token list`).", show_default=False
        ),
    ],
    tenant: Tenant,
    json: AsJson = False,
) -> None:
    """End a token: whoever writes with it is refused.

    Example: rollcall token revoke "$DIRECTORY" "$TOKEN_ID" -t acme
    """
    path = ("tenants", tenant, "directories", directory, "tokens", token)
    body = client.connect().delete(*path)
    within = f"within {limits.TOKEN_CACHE_SECONDS} s no gateway takes it"
    display.done(body, f"The token {token} is revoked: {within}.", json_wanted=json)
