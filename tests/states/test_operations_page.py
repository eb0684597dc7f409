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


SENTENCES = {where: " … ".join(pieces).replace("`", "") for where, pieces in sentences()}


def is_quoted(where: str) -> bool:
    """Whether something stands in the page that only this sentence says."""
    others = {" ".join(text.split()) for text in SENTENCES.values() if text != SENTENCES[where]}
    words = SENTENCES[where].split()
    spans = (
        (start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1)
    )
    pieces = (" ".join(words[start:end]) for start, end in spans)
    return any(
        len(piece) >= SHORTEST and piece in PAGE and not any(piece in other for other in others)
        for piece in pieces
    )


@pytest.mark.parametrize("where", list(SENTENCES))
def test_every_sentence_has_its_section(where: str) -> None:
    known = any(short in SENTENCES[where] for short in AT_SETUP)
    assert known or is_quoted(where), SENTENCES[where]


def test_there_are_sentences_to_look_for() -> None:
    assert len(SENTENCES) > 25


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    words = shlex.split(command)[1:]
    found = get_command(app)
    while (below := getattr(found, "commands", None)) is not None:
        found = below[words.pop(0)]
    found.make_context(command, words, resilient_parsing=False)
