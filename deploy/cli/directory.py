"""`rollcall directory`: the links to a tenant's IdP."""

from typing import Annotated, Literal

import typer

from deploy.cli import client, comparing, display, progress, replaying
from deploy.cli.errors import CommandError
from deploy.cli.options import AsJson, DirectoryId, Limit, Tenant, Yes

app = typer.Typer(no_args_is_help=True)

# `schemas.origin`'s types, repeated because importing it would slow down --help; a test compares.
Provider = Literal[
    "okta", "entra", "onelogin", "jumpcloud", "google", "pingone", "rippling", "generic"
]
Mode = Literal["testing", "active", "paused"]
OnDisconnect = Literal["keep", "deactivate"]

Name = Annotated[str, typer.Option(help="How people call it.", show_default=False)]
OfProvider = Annotated[Provider, typer.Option("--provider", help="Which IdP it is.")]

_COLUMNS = (
    *("directory_id", "name", "provider", "kind", "mode", "connected", "on_disconnect"),
    *("ended_at", "replaced_by"),
)
_MODES = {
    "testing": "is recorded, and moves nobody's access until it is active",
    "active": "moves access",
    "paused": "is recorded, and moves nobody's access until it is active again",
}
_ENDS = {"keep": "keep their access", "deactivate": "lose all access"}


@app.command()
def create(
    tenant: Tenant,
    name: Name,
    provider: OfProvider = "generic",
    replaces: Annotated[
        str | None,
        typer.Option(metavar="DIRECTORY", help="The directory with the same people till now."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Make a SCIM directory: one that the IdP itself writes to. Each call makes another one.

    It says which URL goes into the IdP, and how to make the token that goes with it.

    Example: rollcall directory create --name "Acme Okta" --provider okta -t acme
    """
    api = client.connect()
    details = {"name": name, "provider": provider, "kind": "scim", "replaces": replaces}
    body = api.post("tenants", tenant, "directories", **details)
    made = body["directory_id"]
    display.done(
        body | {"scim_url": api.scim_url},
        f"The SCIM directory {made} belongs to {tenant}.",
        f"Base URL for the IdP: {api.scim_url}",
        f"Its token: rollcall token create {made} -t {tenant}",
        json_wanted=json,
    )


@app.command()
def assign(
    directory: Annotated[
        str,
        typer.Argument(
            metavar="DIRECTORY", help="Its id at WorkOS: directory_…", show_default=False
        ),
    ],
    tenant: Tenant,
    name: Name,
    provider: OfProvider = "generic",
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
    mode: Annotated[Mode | None, typer.Option(help="Whether what it says moves access.")] = None,
    on_disconnect: Annotated[
        OnDisconnect | None, typer.Option(help="What its end means for its people's access.")
    ] = None,
    replaces: Annotated[
        str | None,
        typer.Option(metavar="DIRECTORY", help="Whose place it is to take; in testing only."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say whether a directory moves access, and what its end means for its people.

    In testing or paused it is heard, and what follows waits: see `rollcall hold list`.

    Example: rollcall directory set "$DIRECTORY" --mode testing --on-disconnect keep -t acme
    """
    if mode is None and on_disconnect is None and replaces is None:
        raise typer.BadParameter("say --mode, --on-disconnect, or --replaces")
    path = ("tenants", tenant, "directories", directory)
    said = {"mode": mode, "on_disconnect": on_disconnect, "replaces": replaces}
    body = client.connect().put(*path, **said)
    says = f"What the directory {directory} says {_MODES[body['mode']]}."
    ends = f"When it ends, its people {_ENDS[body['on_disconnect']]}."
    display.done(body, says, ends, json_wanted=json)


@app.command()
def disconnect(
    directory: DirectoryId, tenant: Tenant, yes: Yes = False, json: AsJson = False
) -> None:
    """End a SCIM directory for good: its tokens are refused, its people keep or lose access.

    Which of both, `rollcall directory set --on-disconnect` says; see there first.

    Example: rollcall directory disconnect "$DIRECTORY" -t acme --yes
    """
    api = client.connect()
    if not yes:
        _ask(api, tenant, directory)
    body = api.delete("tenants", tenant, "directories", directory)
    people = _people(body)
    sentence = f"The directory {directory} has ended: its tokens are refused, its people {people}."
    display.done(body, sentence, json_wanted=json)


@app.command()
def replace(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Id of the directory that is to end.")],
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="Id of the directory that takes its place.")
    ],
    *,
    tenant: Tenant,
    switch: Annotated[bool, typer.Option("--switch", help="Do it, after a question.")] = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Put one directory in the place of another: compare them, and with --switch do it.

    People of both are one member each, found by the IdP's id or by email, whoever owns the domain.

    To compare NEW with another directory than it was made to replace says that it replaces OLD.

    Leave NEW in testing until it has sent everybody: nobody's access moves before the switch.

    Example: rollcall directory replace "$OLD" "$NEW" -t acme
    """
    api = client.connect()
    path = ("tenants", tenant, "directories", new)
    found = comparing.compare(api, path, old)
    if not (json and switch):
        comparing.show(found, json_wanted=json)
    if switch:
        display.require_yes(f"Switch to {new}, and end {old} for good?", given=yes)
        body = api.post(*path, "switch")
        display.done(body, f"{new} has replaced {old}.", json_wanted=json)


@app.command()
def warnings(directory: DirectoryId, tenant: Tenant, json: AsJson = False) -> None:
    """List what the IdP sends that is not kept, or not known; newest first.

    Example: rollcall directory warnings "$DIRECTORY" -t acme
    """
    body = client.connect().get("tenants", tenant, "directories", directory, "warnings")
    display.rows(body, "warnings", ("kind", "what", "recorded_at"), json_wanted=json)


@app.command()
def groups(
    directory: DirectoryId,
    *,
    tenant: Tenant,
    name: Annotated[str | None, typer.Option(help="Only those called so.")] = None,
    after: Annotated[str | None, typer.Option(help="Go on after this place.")] = None,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List the groups that a directory has sent, with the ids that a mapping needs.

    Example: rollcall directory groups "$DIRECTORY" --name "Platform Admins" -t acme
    """
    path = ("tenants", tenant, "directories", directory, "groups")
    body = client.connect().get(*path, name=name, after=after, limit=limit)
    columns = ("name", "members", "role", "workspaces", "group_id")
    display.rows(body, "groups", columns, json_wanted=json)
    if body["after"] and not json:
        typer.echo(f"There are more: --after {body['after']}")


@app.command("list")
def list_directories(tenant: Tenant, json: AsJson = False) -> None:
    """List the directories of a tenant.

    Example: rollcall directory list -t acme
    """
    body = client.connect().get("tenants", tenant, "directories")
    display.rows(body, "directories", _COLUMNS, json_wanted=json)


def _ask(api: client.Api, tenant: str, directory: str) -> None:
    known = api.get("tenants", tenant, "directories")["directories"]
    found = next((each for each in known if each["directory_id"] == directory), None)
    if found is None:
        raise CommandError(
            f"{tenant} has no directory {directory}: see `rollcall directory list -t {tenant}`."
        )
    display.fields({name: found[name] for name in _COLUMNS}, to_error=True)
    display.require_yes(f"Its people {_people(found)}. End it for good?", given=False)


def _people(directory: client.Body) -> str:
    """What a directory's people do at its end; in testing or paused it moves nobody."""
    mode, on_disconnect = directory["mode"], directory["on_disconnect"]
    if mode != "active" and on_disconnect == "deactivate":
        return f"are on hold (`rollcall hold list`) as long as its mode is {mode}"
    return _ENDS[on_disconnect]
