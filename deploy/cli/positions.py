"""`rollcall positions`: where readers stand on Kafka's logs, and the way on after a loss."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli import display, progress
from deploy.cli.options import AsJson, Reason, Yes

if TYPE_CHECKING:
    from deploy.positions.acceptance import At, Plan

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("reader", "topic", "partition", "offset", "ce_id", "low", "end", "lag", "verdict")
_SHORT = 8  # characters of a ce_id that a table shows
_AFTERWARDS = (
    "Processes go on there when they start; start a worker again that does not end by itself."
)


def _at(given: str) -> "At":
    match given:
        case "beginning":
            return "beginning"
        case "end":
            return "end"
        case _:
            if not given.isdecimal():
                raise typer.BadParameter(f"{given} is neither beginning nor end nor an offset")
            return int(given)


@app.command()
def show(json: AsJson = False) -> None:
    """Show where processors and sinks stand on each log, and whether they can go on there.

    Example: rollcall positions show
    """
    from msgspec import to_builtins  # noqa: PLC0415 - these would slow down --help

    from deploy.positions import survey  # noqa: PLC0415
    from schemas import settings  # noqa: PLC0415

    with progress.bar("reading the state changelog") as on_progress:
        standings = to_builtins(survey.standings(settings.load(), on_progress))
    if json:
        display.as_json({"positions": standings})
        return
    display.table([each | _position(each["position"]) for each in standings], _COLUMNS)


@app.command()
def accept(
    *,
    reader: Annotated[
        str, typer.Option(help="`processors`, a sink's name, or `product`.", show_default=False)
    ],
    topic: Annotated[str, typer.Option(help="Its name in `positions show`.", show_default=False)],
    partition: Annotated[
        int | None, typer.Option(min=0, help="Without it: each one that is refused.")
    ] = None,
    at: Annotated[
        Any,
        typer.Option(
            parser=_at,
            metavar="beginning|end|OFFSET",
            help="Where reading goes on in the log of today.",
            show_default=False,
        ),
    ],
    reason: Reason,
    yes: Yes = False,
) -> None:
    """Let a reader go on where its position is refused: what was between is lost, or comes again.

    Only a position that is refused can be moved; `rollcall audit list -t _rollcall` keeps why.

    Example: rollcall positions accept --reader audit_log --topic audit-entries --at beginning --reason "disk lost"
    """  # noqa: E501 # an example is one line
    from deploy.positions import acceptance, moving  # noqa: PLC0415 - these would slow down --help
    from schemas import settings  # noqa: PLC0415

    ours = settings.load()
    with progress.bar("reading the state changelog") as on_progress:
        plan = acceptance.plan(
            ours, reader=reader, topic=topic, partition=partition, at=at, on_progress=on_progress
        )
    _tell(plan)
    display.require_yes("Change it?", given=yes)
    moving.carry_out(ours, plan, reason)
    typer.echo(f"Done, and told to the audit log. {_AFTERWARDS}")


def _tell(plan: "Plan") -> None:
    for move in plan.moves:
        typer.echo(move.old.verdict)
    sentences = [plan.anew] if plan.topic_id else []
    for sentence in [*sentences, *(move.sentence for move in plan.moves)]:
        typer.echo(f"- {sentence}.")


def _position(position: display.Row | None) -> display.Row:
    if position is None:
        return {"offset": None, "ce_id": None}
    return {"offset": position["offset"], "ce_id": position["ce_id"][:_SHORT]}
