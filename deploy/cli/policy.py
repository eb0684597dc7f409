"""`rollcall policy`: what a tenant decides about its people and their attributes."""

from typing import Annotated, Literal, get_args

import typer

from deploy.cli import client, display
from deploy.cli.errors import CommandError
from deploy.cli.options import AsJson, Tenant

app = typer.Typer(no_args_is_help=True)

# `schemas.policy`'s types, repeated because importing it would slow down --help; a test compares.
SoleAdmin = Literal["allow", "block"]
Breaker = Literal["off", "alert", "hold"]
Linked = Literal["directory", "higher"]
AttributeType = Literal["string", "boolean", "integer", "decimal"]

_TYPES = get_args(AttributeType)
_FIELDS = ("sole_admin", "breaker", "linked", "own_attributes", "kept_as_sent")


@app.command("set")
def set_policy(
    *,
    tenant: Tenant,
    sole_admin: Annotated[
        SoleAdmin | None, typer.Option(help="Whether the last administrator may lose that role.")
    ] = None,
    breaker: Annotated[
        Breaker | None, typer.Option(help="What happens when many lose access at once.")
    ] = None,
    linked: Annotated[
        Linked | None, typer.Option(help="Whose grants count of whom the product has too.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="URN:NAME[=TYPE]", help="An own attribute to keep; repeatable."),
    ] = None,
    kept_as_sent: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="An attribute never to redact; repeatable."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Set what a tenant decides; what is left out stays as it is.

    --keep and --kept-as-sent each replace their whole list: repeat what shall stay in it.

    An empty one ("") empties it. TYPE is string (the default), boolean, integer or decimal.

    Example: rollcall policy set --breaker hold --keep urn:acme:scim:User:badge=integer -t acme
    """
    given = {
        "sole_admin": sole_admin,
        "breaker": breaker,
        "linked": linked,
        "own_attributes": [_own(each) for each in keep if each] if keep else None,
        "kept_as_sent": [each for each in kept_as_sent if each] if kept_as_sent else None,
    }
    if all(value is None for value in given.values()):
        raise typer.BadParameter("say --sole-admin, --breaker, --linked, --keep or --kept-as-sent")
    body = client.connect().put("tenants", tenant, "policy", **given)
    _tell(body, json_wanted=json)


@app.command()
def show(tenant: Tenant, json: AsJson = False) -> None:
    """Show what a tenant decides.

    Example: rollcall policy show -t acme
    """
    tenants = client.connect().get("tenants")["tenants"]
    body = next((each for each in tenants if each["tenant_id"] == tenant), None)
    if body is None:
        raise CommandError(f"There is no tenant {tenant}: see `rollcall tenant list`.")
    _tell(body, json_wanted=json)


def _own(given: str) -> dict[str, str]:
    """`urn:acme:scim:User:badge=integer`, as the API takes it."""
    path, _, kind = given.partition("=")
    schema, colon, name = path.rpartition(":")
    if not colon or (kind and kind not in _TYPES):
        raise typer.BadParameter(
            f"{given} is not URN:NAME or URN:NAME=TYPE with one of {', '.join(_TYPES)}"
        )
    return {"schema": schema, "name": name, "type": kind or "string"}


def _tell(body: client.Body, *, json_wanted: bool) -> None:
    if json_wanted:
        display.as_json(body)
    else:
        display.fields({name: body[name] or None for name in _FIELDS})
