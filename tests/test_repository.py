"""What holds for the repository as a whole: budgets, documents that are true, the diagram."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import codec, topics, topology
from schemas.settings import Settings

ROOT = Path(__file__).parent.parent
STAGES = ("schemas", "ingest", "processors", "sinks", "deploy")
MODULE, MEDIAN, TEST_MODULE = 250, 110, 400
FUNCTION, MOST_FUNCTIONS, NESTING = 60, 36, 3
READERS_OF_ENVIRONMENT = {"deploy/ready.py", "deploy/local/class_path.py"}
"""Beside `schemas/settings`, which leaves it to pydantic; the files say why."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(*folders: str) -> Iterator[tuple[str, Function]]:
    for path in modules(*folders):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, Function):
                yield f"{path.relative_to(ROOT)}:{node.name}", node


def length(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def depth(node: ast.AST, level: int = 0) -> int:
    """The deepest nesting of blocks; `elif` does not nest."""
    deepest = level
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, Function):
                continue
            is_elif = isinstance(node, ast.If) and field == "orelse" and isinstance(child, ast.If)
            inner = level + (isinstance(child, BLOCKS) and not is_elif)
            deepest = max(deepest, depth(child, inner))
    return deepest


def test_modules_keep_their_budget() -> None:
    sizes = {path.relative_to(ROOT): lines_of(path) for path in modules(*STAGES)}
    assert {path: size for path, size in sizes.items() if size > MODULE} == {}
    assert statistics.median(size for size in sizes.values() if size > 1) <= MEDIAN
    tests = {path.relative_to(ROOT): lines_of(path) for path in modules("tests")}
    assert {path: size for path, size in tests.items() if size > TEST_MODULE} == {}


def test_functions_keep_their_budget() -> None:
    sizes = {name: length(node) for name, node in functions(*STAGES)}
    assert {name: size for name, size in sizes.items() if size > FUNCTION} == {}
    small = sum(size <= MOST_FUNCTIONS for size in sizes.values())
    assert small / len(sizes) >= 0.95
    deep = {name: depth(node) for name, node in functions(*STAGES)}
    assert {name: levels for name, levels in deep.items() if levels > NESTING} == {}


def test_tests_stay_smaller_than_a_fifth_more_than_the_product() -> None:
    product = sum(map(lines_of, modules(*STAGES)))
    assert sum(map(lines_of, modules("tests"))) <= 1.2 * product


def test_only_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in modules("schemas", "ingest", "processors", "sinks", "deploy")
        if re.search(r"os\.(environ\[|environ\.get|getenv)", path.read_text())
    }
    assert readers <= READERS_OF_ENVIRONMENT


def test_the_diagram_in_the_readme_is_fresh() -> None:
    page = (ROOT / "README.md").read_text()
    assert topology.written_into(page) == page, "run `make topology`"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        topology.written_into("# no marks")


def test_the_table_of_topics_says_what_processors_write() -> None:
    decided = {codec.topic_of_type(message) for message in codec.output_types()}
    told = {topic.name for topic in topics.TOPICS if topic.written_by == "processors"}
    assert decided | {topics.STATE_CHANGELOG.name} == told


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert f"`ROLLCALL_{name.upper()}`" in page
    assert (Settings.model_fields[name].description or "undescribed") in page


@pytest.mark.parametrize("topic", topics.TOPICS, ids=lambda topic: topic.name)
def test_every_topic_is_documented(topic: topics.Topic) -> None:
    assert f"`{topic.name}`" in (ROOT / "docs" / "architecture.md").read_text()


def test_links_between_documents_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{page.relative_to(ROOT)} → {target}"
        for page in pages
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
