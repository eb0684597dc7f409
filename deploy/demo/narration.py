"""How the demo speaks: chapters, the commands that it runs, and waiting for what must come."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from deploy.cli.errors import CommandError
from deploy.demo.running import Rollcall, shown

console: Final = Console()
"""Standard output; plain text where that is no terminal."""


def chapter(title: str) -> None:
    """Begin a chapter."""
    say(f"\n{title}", style="bold cyan")


def say(text: str, style: str = "") -> None:
    """Print lines as they are, never as markup."""
    console.print(Text(text, style=style), soft_wrap=True)


def show(rollcall: Rollcall, *words: str) -> None:
    """Print a command, and what it prints.

    Raises:
        CommandError: it failed.
    """
    say(f"\n  $ {shown(words)}", style="dim")
    rollcall.command(*words, printing=True)


def run(rollcall: Rollcall, commands: Sequence[Sequence[str]]) -> None:
    """Run commands that do not need one another; print each when it is done.

    Raises:
        CommandError: one failed.
    """
    for words in rollcall.commands(commands):
        say(f"  $ {shown(words)}", style="dim")


def until(true: Callable[[], bool], what: str, *, seconds: float, poll_seconds: float) -> None:
    """Wait until something is true.

    Raises:
        CommandError: it was not, within that many seconds.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise CommandError(f"After {seconds:.0f} s it was still not so that {what}.")
        time.sleep(poll_seconds)
