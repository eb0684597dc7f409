"""`rollcall simulate`: an IdP that pushes an invented company, as a provider really does it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from deploy.cli import client, display, progress
from deploy.cli.options import AsJson

if TYPE_CHECKING:
    from deploy.simulate.providers import Target
    from deploy.simulate.report import Report
    from deploy.simulate.run import Plan

# Names in `deploy.simulate.providers`, repeated because importing it would slow down --help; a
# test compares.
Simulated = Literal[
    "okta",
    "okta:wizard",
    "entra",
    "onelogin",
    "jumpcloud",
    "pingone",
    "rippling",
    "generic",
    "workos:okta",
    "workos:entra",
    "workos:google",
]


class _Where(NamedTuple):
    """The options that say where to."""

    url: str | None
    token: str | None
    tenant: str | None
    directory: str | None


_COLUMNS = ("request", "count", "p50_ms", "p95_ms", "p99_ms", "statuses")


Provider = Annotated[
    Simulated,
    typer.Argument(metavar="PROVIDER", help="Which IdP it behaves as.", show_default=False),
]
Url = Annotated[
    str | None,
    typer.Option(
        help="SCIM base URL, or that of webhooks; else the gateway's.", show_default=False
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        help="Token of the SCIM directory, or secret of the webhooks.",
        show_default=False,
    ),
]
MaybeTenant = Annotated[
    str | None, typer.Option("--tenant", "-t", help="Whose directory it is.", show_default=False)
]
Directory = Annotated[str | None, typer.Option(help="Id of the directory.", show_default=False)]
People = Annotated[int, typer.Option(min=1, max=100_000, help="How many people.")]
Groups = Annotated[int, typer.Option(min=0, max=1_000, help="How many groups.")]
Seed = Annotated[int, typer.Option(help="Another one gives another company; the same, the same.")]
Life = Annotated[
    bool, typer.Option("--life", help="Also renames, moves, departures, returns and more.")
]
AtOnce = Annotated[
    int | None,
    typer.Option(
        min=1, max=256, help="Requests at once; else 8, and 32 webhooks.", show_default=False
    ),
]


def simulate(
    provider: Provider,
    *,
    url: Url = None,
    token: Token = None,
    tenant: MaybeTenant = None,
    directory: Directory = None,
    people: People = 200,
    groups: Groups = 8,
    seed: Seed = 1,
    life: Life = False,
    at_once: AtOnce = None,
    json: AsJson = False,
) -> None:
    """Push an invented company as a provider does, and say what it would stumble over.

    For a directory of its own, never one with real people.

    It tests the connection, syncs, and syncs again, which must change nothing.

    With --life there are renames, departures, returns and more, each followed by a sync.

    It takes -t and --directory, and makes a token that it revokes at the end; or --token alone.

    The workos:… ones send signed webhooks of the --directory, which is to be assigned before.

    Those are signed with the first of ROLLCALL_WORKOS_WEBHOOK_SECRETS, or with --token.

    Ends with 1 if there were surprises.

    Example: rollcall simulate okta --people 200 --groups 8 --life -t acme --directory "$DIRECTORY"
    """
    from deploy.simulate.report import Report  # noqa: PLC0415 - these would slow down --help
    from deploy.simulate.run import Plan  # noqa: PLC0415

    plan = Plan(
        provider=provider, seed=seed, people=people, groups=groups, lives=life, at_once=at_once
    )
    report = Report()
    where = _Where(url, token, tenant, directory)
    with _endpoint(where) if provider.startswith("workos:") else _target(where) as target:
        ended = _run(plan, target, report)
    if json:
        what = {"provider": provider, "url": target.url, "people": people, "groups": groups}
        display.as_json(what | {"seed": seed, "ended": ended} | report.body())
    else:
        _tell(report)
    if not ended:
        raise typer.Exit(130)
    if report.surprises:
        raise typer.Exit(1)


def _run(plan: "Plan", target: "Target", report: "Report") -> bool:
    """Whether it came to its end; else somebody pressed Ctrl-C, and what was seen is reported."""
    from deploy.simulate.run import carry_out  # noqa: PLC0415 - it would slow down --help

    try:
        asyncio.run(carry_out(plan, target, report, progress.bar))
    except KeyboardInterrupt:
        return False
    return True


@contextmanager
def _target(options: _Where) -> "Iterator[Target]":
    """Where to, and with which secret; a token that is made here ends here."""
    from deploy.simulate.providers import Target  # noqa: PLC0415 - these would slow down --help
    from schemas import settings  # noqa: PLC0415

    url, token, tenant, directory = options
    url = url or f"{settings.load().url.rstrip('/')}{settings.SCIM}"
    if token is not None:
        yield Target(url=url, secret=token)
        return
    if tenant is None or directory is None:
        raise typer.BadParameter("give --token, or --tenant and --directory")
    api = client.connect()
    path = ("tenants", tenant, "directories", directory, "tokens")
    made = api.post(*path, days=1)
    try:
        yield Target(url=url, secret=made["token"])
    finally:
        api.delete(*path, made["token_id"])


@contextmanager
def _endpoint(options: _Where) -> "Iterator[Target]":
    """Where webhooks of a WorkOS directory go, signed with which secret."""
    from deploy.demo.posting import PATH  # noqa: PLC0415 - these would slow down --help
    from deploy.simulate.providers import Target  # noqa: PLC0415
    from schemas import settings  # noqa: PLC0415

    url, token, _, directory = options
    if directory is None:
        raise typer.BadParameter("give --directory: the id of a WorkOS directory that was assigned")
    ours = settings.load()
    secret = token or next(iter(ours.workos_webhook_secrets), None)
    if secret is None:
        raise typer.BadParameter("give --token, or set ROLLCALL_WORKOS_WEBHOOK_SECRETS")
    address = url or f"{ours.url.rstrip('/')}{PATH}"
    yield Target(url=address, secret=secret, directory_id=directory)


def _tell(report: "Report") -> None:
    phases = report.body()["phases"]
    display.table(phases, ("name", "requests", "seconds"))
    typer.echo()
    display.table([row | {"statuses": _statuses(row)} for row in report.rows()], _COLUMNS)
    typer.echo()
    for each in report.surprises:
        times = f" ({each.count} times)" if each.count > 1 else ""
        typer.echo(display.printable(f"Surprise: the {each.request} {each.what}{times}."))
        if each.example:
            typer.echo(f"  {display.printable(each.example)}")
    typer.echo(f"Surprises: {len(report.surprises)}.")


def _statuses(row: display.Row) -> list[str]:
    times = "\N{MULTIPLICATION SIGN}"
    return [f"{each['count']} {times} {each['status']}" for each in row["statuses"]]
