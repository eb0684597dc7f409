"""`rollcall hold`: what is desired for people and waits for somebody's word."""

from typing import Annotated

import typer

from deploy.cli import client, display
from deploy.cli.options import AsJson, MemberId, Tenant

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_holds(tenant: Tenant, json: AsJson = False) -> None:
    """List whose access is on hold, and why, the oldest first.

    Example: rollcall hold list -t acme
    """
    body = client.connect().get("tenants", tenant, "holds")
    columns = (
        "display_name",
        "reason",
        "desired",
        "discarded",
        "rivals",
        "recorded_at",
        "member_id",
    )
    display.rows(body, "holds", columns, json_wanted=json)


@app.command()
def approve(
    member: MemberId,
    tenant: Tenant,
    into: Annotated[
        str | None,
        typer.Option(metavar="MEMBER", help="Of a conflict with several rivals: which it is."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Let what is desired happen; of a `conflict`: it is who returns, or the one of `rivals`.

    Example: rollcall hold approve "$MEMBER" -t acme
    """
    body = _rule(tenant, member, "approve", into=into)
    display.done(body, f"What was on hold for {member} is approved.", json_wanted=json)


@app.command()
def discard(member: MemberId, tenant: Tenant, json: AsJson = False) -> None:
    """Leave access as it is, until the IdP says the opposite.

    Example: rollcall hold discard "$MEMBER" -t acme
    """
    body = _rule(tenant, member, "discard")
    sentence = f"The access of {member} stays as it is, until the IdP says the opposite."
    display.done(body, sentence, json_wanted=json)


@app.command()
def separate(member: MemberId, tenant: Tenant, json: AsJson = False) -> None:
    """Of a `conflict`: it is somebody new, who gets a member of their own.

    Example: rollcall hold separate "$MEMBER" -t acme
    """
    body = _rule(tenant, member, "separate")
    sentence = f"Whoever was on hold as {member} is somebody new, with a member of their own."
    display.done(body, sentence, json_wanted=json)


def _rule(tenant: str, member: str, ruling: str, into: str | None = None) -> client.Body:
    path = ("tenants", tenant, "holds", member)
    return client.connect().put(*path, ruling=ruling, into=into)
