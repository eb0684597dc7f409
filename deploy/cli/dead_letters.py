"""`rollcall dead-letters`: what could not be decided or applied, and what shall become of it."""

from collections import Counter
from typing import Annotated, Literal

import typer

from deploy.cli import client, display, progress, replaying
from deploy.cli.options import AsJson, Limit, Reason, Yes

app = typer.Typer(no_args_is_help=True)

LetterId = Annotated[
    str,
    typer.Argument(metavar="LETTER", help="Its id in `dead-letters list`.", show_default=False),
]
OfTenant = Annotated[str | None, typer.Option("--tenant", "-t", help="Only of this tenant.")]

_COLUMNS = (
    *("removal", "letter_id", "tenant_id", "stage", "reason", "entity", "recorded_at"),
    *("attempts", "settled", "detail"),
)
_FIELDS = (
    *("letter_id", "number", "tenant_id", "stage", "reason", "detail", "entity", "directory_id"),
    *("topic", "partition", "offset", "cause", "sha256", "recorded_at", "attempts"),
    *("settled", "settled_at"),
)
_REMOVAL = "A removal: until it is replayed, somebody may have access who should have none."


@app.command("list")
def list_letters(
    *,
    tenant: OfTenant = None,
    reason: Annotated[
        str | None, typer.Option(help="Only with this reason, as undecidable.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="Only of `processors`, `ingest` or this sink.")
    ] = None,
    directory: Annotated[
        str | None, typer.Option("--directory", "-d", help="Only of this directory.")
    ] = None,
    settled: Annotated[
        Literal["open", "replayed", "dropped", "all"], typer.Option(help="What became of it.")
    ] = "open",
    after: Annotated[int, typer.Option(min=0, help="Only after this number.")] = 0,
    limit: Limit = 50,
    json: AsJson = False,
) -> None:
    """List messages that could not be decided or applied, those that take access away first.

    Example: rollcall dead-letters list -t acme
    """
    only = {"tenant": tenant, "reason": reason, "stage": stage, "directory": directory}
    api = client.connect()
    if json:
        page = api.get("dead-letters", **only, settled=settled, after=after, limit=limit)
        display.as_json(page)
        return
    found = list(replaying.letters(api, **only, settled=settled, since=after))
    found.sort(key=lambda letter: not letter["removal"])  # stable: then by number
    shown = [_marked(letter) for letter in found[:limit]]
    display.rows({"dead_letters": shown}, "dead_letters", _COLUMNS, json_wanted=False)
    if len(found) > limit:
        typer.echo(f"{limit} of {len(found)}: narrow them down, or raise --limit.")
    if open_removals := sum(each["removal"] and not each["settled"] for each in found):
        typer.echo(f"{open_removals} open removals. {_REMOVAL}")


@app.command()
def show(letter: LetterId, json: AsJson = False) -> None:
    """Show a dead letter: where it stood, why it could not be decided, and the message itself.

    Example: rollcall dead-letters show "$LETTER"
    """
    body = client.connect().get("dead-letters", letter)
    if json:
        display.as_json(body)
        return
    if body["removal"] and body["settled"] is None:
        typer.echo(_REMOVAL)
    display.fields({name: body[name] for name in _FIELDS} | body["headers"])
    kept = body["value"] if body["value"] is not None else body["value_base64"]
    typer.echo("The message was not kept." if kept is None else display.printable(kept))


@app.command()
def replay(
    letter: Annotated[
        str | None, typer.Argument(metavar="LETTER", help="Its id.", show_default=False)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that are open, in order.")] = False,
    tenant: OfTenant = None,
    json: AsJson = False,
) -> None:
    """Have a message decided again, with all that waits behind it; safe to repeat.

    Waits for what becomes of it. What can again not be decided stays, with its new reason.

    Example: rollcall dead-letters replay --all -t acme
    """
    if (letter is None) != every or (tenant and not every):
        raise typer.BadParameter("name one LETTER, or say --all, with --tenant or without")
    api, told = client.connect(), replaying.Outcome()
    asked = [] if letter is None else [api.get("dead-letters", letter)]
    of_tenant = asked[0]["tenant_id"] or None if asked else tenant
    with replaying.going_on():
        opened = list(replaying.letters(api, tenant=of_tenant))
        before = {each["letter_id"]: each["attempts"] for each in opened}
        with progress.bar("asked") as on_progress:
            under_way = replaying.ask(api, asked or opened, before, told, on_progress)
        with progress.bar("decided") as on_progress:
            replaying.wait(api, under_way, told, on_progress)
    if json:
        display.as_json(told.body())
    else:
        _tell(told)
    if told.failed or told.refused:
        raise typer.Exit(1)


@app.command()
def drop(letter: LetterId, yes: Yes = False, json: AsJson = False) -> None:
    """Give a message up for good; what waits behind it can then be replayed.

    Example: rollcall dead-letters drop "$LETTER" --yes
    """
    api = client.connect()
    if not yes:
        found = api.get("dead-letters", letter)
        display.fields({name: found[name] for name in _FIELDS}, to_error=True)
        warning = f"{_REMOVAL} " if found["removal"] else ""
        display.require_yes(f"{warning}Give it up for good?", given=False)
    body = api.post("dead-letters", letter, "drop")
    display.done(body, f"The dead letter {letter} was given up.", json_wanted=json)


@app.command()
def resume(
    partition: Annotated[int, typer.Argument(min=0, help="Its number.", show_default=False)],
    reason: Reason,
) -> None:
    """Let a partition decide again that stopped for too many dead letters.

    Mend the cause first: `rollcall dead-letters list` tells it.

    `rollcall audit list -t _rollcall` keeps why.

    Example: rollcall dead-letters resume 3 --reason "the release that could not decode is gone"
    """
    from deploy.positions import resumption  # noqa: PLC0415 - these would slow down --help
    from schemas import settings  # noqa: PLC0415

    with progress.bar("reading the state changelog") as on_progress:
        resumption.resume(settings.load(), partition, reason, on_progress)
    typer.echo(
        f"Partition {partition} may decide again, and the audit log was told. Its worker sees it"
        " when it starts: start it again if it still runs."
    )


def _marked(letter: client.Body) -> client.Body:
    return letter | {"removal": "REMOVAL" if letter["removal"] else ""}


def _tell(told: replaying.Outcome) -> None:
    typer.echo(f"{len(told.decided)} decided.")
    in_vain = (("could again not be decided", told.failed), ("not replayed", told.refused))
    for what, by_id in in_vain:
        for why, count in Counter(by_id.values()).most_common():
            typer.echo(display.printable(f"{count} {what}: {why}"))
