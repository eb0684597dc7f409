"""The guides for people who connect an IdP: complete, alike, and true about Rollcall.

In them “…” marks what Rollcall answers; within it `…` stands for what it fills in.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main

import deploy
from deploy.cli.app import app
from schemas.origin import Provider

ROOT = Path(deploy.__file__).parents[1]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
WHICH_DOOR = ROOT / "docs" / "which-door.md"
PAGES = {page.stem: page.read_text() for page in (*GUIDES, WHICH_DOOR)}
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
FILLED_IN = "…"


def templates(tree: ast.AST) -> Iterator[str]:
    """The texts of a module, with `…` where a value is filled in."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str() as text):
                yield text
            case ast.JoinedStr(values=parts):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else FILLED_IN
                    for part in parts
                )
            case _:
                pass


@cache
def texts() -> set[str]:
    """Whatever the door and the core may answer."""
    return {
        text
        for stage in ("ingest", "processors")
        for path in (ROOT / stage).rglob("*.py")
        for text in templates(ast.parse(path.read_text()))
    }


def commands_in_blocks(page: str) -> list[str]:
    lines = [line.strip() for _, block in FENCED.findall(page) for line in block.splitlines()]
    return [line for line in lines if line.startswith("rollcall ")]


def commands_in_sentences(page: str) -> list[str]:
    return re.findall(r"`(rollcall [^`]+)`", FENCED.sub("", page))


def understand(command: str, *, whole: bool) -> None:
    """Raise for a command that there is not, or that lacks or has a word too many.

    `whole`: it is to be run as it stands; else its name alone will do.
    """
    found: Any = typer.main.get_command(app)
    words = shlex.split(command, comments=True)[1:]
    while words and hasattr(found, "commands"):
        name = words.pop(0)
        assert name in found.commands, f"{command}: there is no {name}"
        found = found.commands[name]
    assert not hasattr(found, "commands"), f"{command}: which one?"
    if words or whole:
        with found.make_context(found.name, words):
            pass  # it would raise a UsageError


def headings(page: str) -> list[str]:
    return re.findall(r"^## (.*)$", FENCED.sub("", page), re.MULTILINE)


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_provider_has_a_guide_that_names_it() -> None:
    for provider in get_args(Provider):
        assert f"--provider {provider} " in PAGES.get(provider, ""), provider
    assert {page.stem for page in GUIDES} == {*get_args(Provider), "workos"}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_guides_have_the_same_headings_in_the_same_order(guide: Path) -> None:
    assert headings(guide.read_text()) == [
        "In Rollcall",
        "At the IdP",
        "Attributes",
        "Test connection",
        "First sync",
        "What surprises people",
        "When something is wrong",
    ]


@pytest.mark.parametrize("name", PAGES)
def test_commands_in_the_guides_are_understood(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "people.csv").touch()  # a command looks whether its file is there
    monkeypatch.chdir(tmp_path)
    in_blocks, in_sentences = commands_in_blocks(PAGES[name]), commands_in_sentences(PAGES[name])
    assert in_blocks
    for command in in_blocks:
        understand(command, whole=True)
    for command in in_sentences:
        understand(command, whole=False)


@pytest.mark.parametrize("name", PAGES)
def test_what_rollcall_answers_stands_in_its_source(name: str) -> None:
    quoted = re.findall(r"“([^”]*)”", PAGES[name])
    assert quoted or name == WHICH_DOOR.stem
    for answer in quoted:
        # A sentence may end in the source where another one goes on behind it.
        assert any(answer in text for text in texts()), answer


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_a_heading(name: str) -> None:
    page = WHICH_DOOR if name == WHICH_DOOR.stem else ROOT / "docs" / "guides" / f"{name}.md"
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", PAGES[name]):
        path = page.parent / target if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def test_whoever_looks_for_a_guide_finds_it() -> None:
    for guide in GUIDES:
        assert f"](guides/{guide.name})" in PAGES[WHICH_DOOR.stem]
    for page in ("README.md", "docs/architecture.md"):
        assert "which-door.md)" in (ROOT / page).read_text()
