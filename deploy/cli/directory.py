"""`rollcall directory`: the links to a tenant's IdP."""

from typing import Annotated, Literal

import typer

from deploy.cli import client, display, progress, replaying
from deploy.cli.options import AsJson, Tenant

app = typer.Typer(no_args_is_help=True)

# `schemas.changes`' types, repeated because importing it would slow down --help; a test compares.
Provider = Literal["okta", "entra", "onelogin", "jumpcloud", "google", "pingone", "generic"]
OnDisconnect = Literal["keep", "deactivate"]

DirectoryId = Annotated[
    str,
    typer.Argument(metavar="DIRECTORY", help="Its id at WorkOS: directory_…", show_default=False),
]


@app.command()
def assign(
    directory: DirectoryId,
    tenant: Tenant,
    name: Annotated[str, typer.Option(help="How people call it.", show_default=False)],
    provider: Annotated[Provider, typer.Option(help="Which IdP it is.")] = "generic",
    json: AsJson = False,
) -> None:
    """Give a WorkOS directory to a tenant, with all that it reported so far.

    Its webhooks count from now on.

    What came before waits as dead letters: the gateway replays them, and this waits for it.

    Example: rollcall directory assign directory_01ABC --name Okta --provider okta -t acme
    """
    api = client.connect()
    waited = replaying.waiting_for(api, directory)
    details = {"directory_id": directory, "name": name, "provider": provider}
    with replaying.going_on():
        body = api.post("tenants", tenant, "directories", **details)
        with progress.bar("replayed") as on_progress:
            replayed = replaying.wait_for_directory(api, directory, waited, on_progress)
    sentence = f"The directory {directory} belongs to {tenant}."
    if replayed:
        sentence += f" {replayed} changes that had waited for it were replayed."
    display.done(body | {"replayed": replayed}, sentence, json_wanted=json)


@app.command("set")
def set_directory(
    directory: DirectoryId,
    *,
    tenant: Tenant,
    on_disconnect: Annotated[
        OnDisconnect,
        typer.Option(help="What its end means for its people's access.", show_default=False),
    ],
    json: AsJson = False,
) -> None:
    """Say what the end of a directory means: people keep their access, or all lose it.

    Example: rollcall directory set directory_01ABC --on-disconnect deactivate -t acme
    """
    path = ("tenants", tenant, "directories", directory)
    body = client.connect().put(*path, on_disconnect=on_disconnect)
    meaning = {"keep": "keep their access", "deactivate": "lose all access"}[on_disconnect]
    sentence = f"When the directory {directory} ends, its people {meaning}."
    display.done(body, sentence, json_wanted=json)


@app.command("list")
def list_directories(tenant: Tenant, json: AsJson = False) -> None:
    """List the directories of a tenant.

    Example: rollcall directory list -t acme
    """
    body = client.connect().get("tenants", tenant, "directories")
    columns = ("directory_id", "name", "provider", "kind", "connected", "on_disconnect")
    display.rows(body, "directories", columns, json_wanted=json)
