"""Prints what a command found out: JSON for programs, tables and sentences for people."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from deploy.cli.errors import CommandError

Row = Mapping[str, Any]

_WIDE = 400  # columns where there is no terminal to ask: no line in a file is folded


def as_json(body: Row) -> None:
    """Print JSON to standard output.

    Other than ASCII is escaped, so that no foreign name can steer a terminal.
    """
    typer.echo(json.dumps(body, indent=2))


def done(body: Row, *sentences: str, json_wanted: bool) -> None:
    """Print what was made or set: its JSON, or a line a sentence."""
    if json_wanted:
        as_json(body)
        return
    for sentence in sentences:
        typer.echo(printable(sentence))


def require_yes(question: str, *, given: bool) -> None:
    """Ask the operator, unless the answer was given already.

    Raises:
        CommandError: the answer is no.
    """
    if not given and not typer.confirm(question, err=True):
        raise CommandError("Nothing was changed.")


def rows(body: Row, name: str, columns: Sequence[str], *, json_wanted: bool) -> None:
    """Print a list that the API answered with: its JSON, or a table of some columns.

    Args:
        body: the whole answer.
        name: where the list stands in it.
        columns: keys of its rows, in order.
        json_wanted: the whole answer, instead of a table.
    """
    if json_wanted:
        as_json(body)
    elif not body[name]:
        typer.echo(f"No {_heading(name)}.")
    else:
        table(body[name], columns)


def fields(row: Row, *, to_error: bool = False) -> None:
    """Print one row, a line a field; on standard error where it is part of a question."""
    for name, value in row.items():
        typer.echo(f"{printable(_heading(name))}: {cell(name, value)}", err=to_error)


def table(of: Sequence[Row], columns: Sequence[str]) -> None:
    """Print rows as a table with a heading for each key."""
    from rich import box  # noqa: PLC0415 - it would slow down --help
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        # Ids and times stay whole, so that they can be copied; the rest folds.
        whole = column.endswith(("_id", "_at"))
        drawn.add_column(_heading(column), overflow="fold", no_wrap=whole)
    for row in of:
        drawn.add_row(*(Text(cell(column, row.get(column))) for column in columns))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(drawn)


def cell(column: str, value: Any) -> str:
    """One value in words: yes and no, times in UTC to the second, `design (viewer)`.

    An access is `admin, design (viewer)`, an own attribute as `policy set --keep` takes it.
    """
    match value:
        case None:
            words = "-"
        case bool():
            words = "yes" if value else "no"
        case list():
            words = ", ".join(cell(column, each) for each in value)
        case {"workspace": workspace, "role": role}:
            words = f"{workspace} ({role})" if role else workspace
        case {"schema": schema, "name": name, "type": kind}:
            words = f"{schema}:{name}={kind}"
        case {"standing": "none"}:
            words = "no access"
        case {"standing": standing, "role": role, "workspaces": workspaces}:
            words = cell(column, [each for each in (role, *workspaces) if each]) or standing
        case {"name": name}:
            words = name
        case str() if column.endswith("_at"):
            moment = datetime.fromisoformat(value).astimezone(UTC)
            words = moment.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
        case _:
            words = str(value)
    return printable(words)


def printable(text: str) -> str:
    """The text without control characters: names come from IdPs, and a terminal obeys them."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _heading(key: str) -> str:
    return key.replace("_", " ")
