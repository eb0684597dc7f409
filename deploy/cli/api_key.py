"""`rollcall api-key`: the reference store of API keys, for products that have none."""

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, Label, MemberId, Tenant

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(member: MemberId, tenant: Tenant, label: Label, json: AsJson = False) -> None:
    """Note an API key of a member, so that it is revoked when the member leaves.

    Example: rollcall api-key create "$MEMBER" --label "nightly export" -t acme
    """
    path = ("tenants", tenant, "members", member, "api-keys")
    body = client.connect().post(*path, label=label)
    display.done(body, f"The API key {body['key_id']} is noted.", json_wanted=json)


@app.command("list")
def list_keys(member: MemberId, tenant: Tenant, json: AsJson = False) -> None:
    """List a member's API keys, revoked ones too.

    Example: rollcall api-key list "$MEMBER" -t acme
    """
    body = client.connect().get("tenants", tenant, "members", member, "api-keys")
    columns = ("key_id", "label", "created_at", "revoked_at")
    display.rows(body, "api_keys", columns, json_wanted=json)
