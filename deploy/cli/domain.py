"""`rollcall domain`: whose email addresses a tenant may say something about."""

from typing import Annotated

import typer

from deploy.cli import client, display
from deploy.cli.errors import CommandError
from deploy.cli.options import AsJson, Tenant

app = typer.Typer(no_args_is_help=True)

Domain = Annotated[
    str,
    typer.Argument(metavar="DOMAIN", help="The part of addresses after the @.", show_default=False),
]


@app.command("list")
def list_domains(tenant: Tenant, json: AsJson = False) -> None:
    """List the verified domains of a tenant, and what proved them.

    Example: rollcall domain list -t acme
    """
    body = client.connect().get("tenants", tenant, "domains")
    display.rows(body, "domains", ("domain", "proof", "recorded_at"), json_wanted=json)


@app.command()
def verify(
    domain: Domain,
    tenant: Tenant,
    vouch: Annotated[
        bool,
        typer.Option("--vouch", help="Take your word: DNS is not asked, the audit log says so."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Look for the DNS record that proves a domain, or say which one to publish.

    Once it is proven, people of a directory are linked to members with the same email address.

    Example: rollcall domain verify acme.example -t acme
    """
    proof = "vouched" if vouch else "dns"
    try:
        body = client.connect().put("tenants", tenant, "domains", domain, proof=proof)
    except client.RefusedError as refused:
        if refused.code != "not_published":
            raise
        raise CommandError(f"Not verified yet. {refused.reason}") from None
    display.done(body, f"{body['domain']} is verified for {tenant}.", json_wanted=json)


@app.command()
def remove(domain: Domain, tenant: Tenant, json: AsJson = False) -> None:
    """Say that a domain is the tenant's no longer: nobody else is linked by it, who is stays so.

    Example: rollcall domain remove acme.example -t acme
    """
    body = client.connect().delete("tenants", tenant, "domains", domain)
    display.done(body, f"{body['domain']} is verified for {tenant} no longer.", json_wanted=json)
