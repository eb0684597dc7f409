"""`rollcall doctor`: what is wrong with this installation, and what to do."""

from typing import TYPE_CHECKING

import typer

from deploy.cli import display, progress
from deploy.cli.options import AsJson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.doctor.findings import Finding

_COLUMNS = ("verdict", "check", "finding")


def doctor(json: AsJson = False) -> None:
    """Examine this installation and say what to do; it changes nothing.

    Asks Kafka, Postgres, the gateway and the processes of this machine, with their settings.

    Ends with 1 if there is a problem; a warning is none.

    Example: rollcall doctor
    """
    from msgspec import to_builtins  # noqa: PLC0415 - these would slow down --help

    from deploy.doctor import examination  # noqa: PLC0415
    from schemas import settings  # noqa: PLC0415

    ours = settings.load()
    with progress.bar("examining") as on_progress:
        findings = examination.examine(ours, on_progress)
    if json:
        display.as_json({"findings": to_builtins(findings)})
    else:
        _tell(findings)
    if any(each.verdict == "problem" for each in findings):
        raise typer.Exit(1)


def _tell(findings: "Sequence[Finding]") -> None:
    display.table([*_rows(findings)], _COLUMNS)
    counts = {
        verdict: sum(each.verdict == verdict for each in findings)
        for verdict in ("problem", "warning")
    }
    typer.echo(f"Problems: {counts['problem']}. Warnings: {counts['warning']}.")


def _rows(findings: "Sequence[Finding]") -> "Iterator[display.Row]":
    for each in findings:
        yield {"verdict": each.verdict, "check": each.check, "finding": each.sentence}
        if each.advice is not None:
            yield {"verdict": "", "check": "", "finding": f"\N{RIGHTWARDS ARROW} {each.advice}"}
