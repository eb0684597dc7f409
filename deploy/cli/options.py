"""Options that several commands share."""

from typing import Annotated

import typer

Tenant = Annotated[
    str, typer.Option("--tenant", "-t", help="Id of the tenant.", show_default=False)
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON instead of a table; docs/cli.md has its shape.")
]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many at most.")]
MemberId = Annotated[
    str,
    typer.Argument(
        metavar="MEMBER", help="Id of the member (see `rollcall members list`).", show_default=False
    ),
]
DirectoryId = Annotated[
    str,
    typer.Argument(
        metavar="DIRECTORY",
        help="Id of the directory (see `rollcall directory list`).",
        show_default=False,
    ),
]
Label = Annotated[
    str, typer.Option(help="What people recognise it by, such as `Firefox on Linux`.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def _reason(given: str) -> str:
    if not given.strip() or not given.isprintable() or len(given) > _LONGEST_REASON:
        raise typer.BadParameter(f"say why, in 1 to {_LONGEST_REASON} printable characters")
    return given.strip()


_LONGEST_REASON = 500
Reason = Annotated[
    str,
    typer.Option(
        parser=_reason, metavar="TEXT", help="Why, for the audit log.", show_default=False
    ),
]
