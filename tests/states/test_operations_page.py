"""docs/operations.md tells of every sentence with which something ends, and names real commands."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import deploy
from deploy.cli.app import app
from processors import transaction
from processors.partition_loop import _WHAT_TO_DO

ROOT = Path(deploy.__file__).parents[1]
PAGE = " ".join((ROOT / "docs" / "operations.md").read_text().replace("`", "").split())
ERRORS = {"LogMismatchError", "StuckError", "MovedOnError", "BudgetSpentError", "GapError"}
PLACES = ["schemas/positions.py", "deploy/installation.py"]
PLACES += [str(p.relative_to(ROOT)) for p in sorted((ROOT / "processors").rglob("*.py"))]
PLACES += [str(p.relative_to(ROOT)) for p in sorted((ROOT / "sinks").glob("*.py"))]
AT_SETUP = {"life, not"}
"""What only whoever sets an installation up can meet."""
SHORTEST = 18
"""Characters of a piece of a sentence that tells it from others."""
COMMANDS = re.findall(
    r"^`(rollcall [^`]*)`", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
)


def sentences() -> Iterator[tuple[str, list[str]]]:
    """The constant pieces of each error's sentence, by where it is."""
    for place in PLACES:
        for node in ast.walk(ast.parse((ROOT / place).read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            name = node.func.id
            told = name in ERRORS or (name, place) == (
                "InstallationError",
                "deploy/installation.py",
            )
            if told and node.args and isinstance(node.args[0], ast.JoinedStr | ast.Constant):
                yield f"{place}:{node.lineno}", list(_texts(node.args[0]))
    for why, sentence in (_WHAT_TO_DO | transaction._ADVICE).items():
        yield why, [sentence]


def _texts(sentence: ast.AST) -> Iterator[str]:
    for node in ast.walk(sentence):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def stands_in_the_page(piece: str) -> bool:
    """Whether the piece, or a good part of it, is quoted."""
    words = piece.replace("`", "").split()
    lengths = range(len(words), 0, -1)
    pieces = (
        " ".join(words[start : start + n]) for n in lengths for start in range(len(words) - n + 1)
    )
    return any(len(each) >= SHORTEST and each in PAGE for each in pieces)


@pytest.mark.parametrize(("where", "pieces"), list(sentences()), ids=lambda each: str(each)[:40])
def test_every_sentence_has_its_section(where: str, pieces: list[str]) -> None:
    known = any(short in piece for short in AT_SETUP for piece in pieces)
    assert known or any(map(stands_in_the_page, pieces)), f"{where}: {pieces}"


def test_there_are_sentences_to_look_for() -> None:
    assert len(list(sentences())) > 25


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    words = shlex.split(command)[1:]
    found = get_command(app)
    while (below := getattr(found, "commands", None)) is not None:
        found = below[words.pop(0)]
    found.make_context(command, words, resilient_parsing=False)
