"""`rollcall topics` and `rollcall db`: what touches Kafka and Postgres directly."""

from typing import Annotated

import typer

topics = typer.Typer(no_args_is_help=True)
db = typer.Typer(no_args_is_help=True)


@topics.command("create")
def create_topics(
    partitions: Annotated[
        int, typer.Option(min=1, max=1024, help="Partitions of each; can never be changed.")
    ] = 12,
) -> None:
    """Make every topic, or verify that they are as they should be; run `db upgrade` before.

    Example: rollcall topics create --partitions 12
    """
    from deploy import installation  # noqa: PLC0415 - it would slow down --help
    from schemas import settings  # noqa: PLC0415

    installation.create_topics(settings.load(), partitions=partitions)
    typer.echo("The topics are there.")


@db.command()
def upgrade() -> None:
    """Bring the tables, roles and policies in Postgres to this version.

    Example: rollcall db upgrade
    """
    from deploy import database  # noqa: PLC0415 - it would slow down --help
    from schemas import settings  # noqa: PLC0415

    database.upgrade(settings.load())
    typer.echo("The database is up to date.")
