"""`rollcall up` and `rollcall demo`: all of Rollcall on this machine."""

from pathlib import Path
from typing import Annotated

import typer


def up(
    ephemeral: Annotated[
        bool,
        typer.Option("--ephemeral", help="Take free ports too, so that several can run at once."),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            file_okay=False,
            help="Keep everything in this folder from one run to the next.",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON once everything is ready.")
    ] = False,
) -> None:
    """Run everything in the foreground until Ctrl-C: Kafka, Postgres, gateway, processors, sinks.

    Kafka and Postgres are local and new, unless ROLLCALL_KAFKA and ROLLCALL_DATABASE_URL say where.

    An admin token and a webhook secret are made where none is set. --data keeps all of it.

    Example: rollcall up
    """
    from deploy.cli import foreground  # noqa: PLC0415 - it would slow down --help

    raise typer.Exit(foreground.run(ephemeral=ephemeral, data=data, as_json=json))


def demo() -> None:
    """Watch the main job: a first sync of 1,000 people, their roles, and one who leaves.

    Example: rollcall demo
    """
    from deploy.demo import story  # noqa: PLC0415 - it would slow down --help

    story.tell()
