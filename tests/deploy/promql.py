"""What PromQL expressions ask for, and what real processes have."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

import deploy
from deploy.demo.posting import PATH
from ingest.workos.webhook import _WHY
from schemas import metrics, topics
from sinks.consumer import all_sinks

ROOT = Path(deploy.__file__).parents[1]
PROMETHEUS = ROOT / "deploy" / "prometheus"
BY_PROMETHEUS = frozenset({"job", "instance"})
"""What Prometheus adds to each sample."""

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not here: install Debian's package prometheus",
)

_GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"(?<![\w:])([a-z_:][\w:]*)(?![\w:]|\s*\()(?:\s*\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')
_WORDS = {"and", "or", "unless", "offset", "bool", "by", "on", "without", "ignoring"}
_TOUCHED = """
from prometheus_client import REGISTRY, generate_latest
from schemas import metrics
for metric in vars(metrics).values():
    if names := getattr(metric, "_labelnames", ()):
        metric.labels(*names)
print(generate_latest(REGISTRY).decode())
"""
"""Every label is given once, in a process of its own: counts of this one stay what they are."""


class Selector(NamedTuple):
    """One metric that an expression reads."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator and value of each."""


def promtool(*arguments: str | Path) -> None:
    """Run it; what it complains about fails the test."""
    ended = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def selectors(expression: str) -> Iterator[Selector]:
    """The metrics of an expression."""
    bare = re.sub(r"\[[^\]]*\]", "", _GROUPING.sub("", expression))
    for found in _SELECTOR.finditer(bare):
        name, inside = found.groups()
        if name not in _WORDS:
            yield Selector(name, tuple(_MATCHER.findall(inside or "")))


def grouped_by(expression: str) -> set[str]:
    """The labels that an expression groups or joins by."""
    lists = _GROUPING.findall(expression)
    return {label for names in lists for label in re.findall(r"\w+", names)}


@cache
def exposed() -> Mapping[str, frozenset[str]]:
    """The samples of a real /metrics, and `up`, with the labels of each."""
    text = subprocess.run(
        [sys.executable, "-c", _TOUCHED], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, frozenset[str]] = {"up": BY_PROMETHEUS}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = BY_PROMETHEUS | sample.labels.keys()
    return found


def described() -> dict[str, str]:
    """Our metrics by the name that they have on the page, with their help."""
    ours = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.documentation
        for each in ours
        for family in each.describe()
    }


def known_values() -> dict[str, set[str]]:
    """What a label may be compared with, as far as that is fixed somewhere."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    return {
        "job": {each["job_name"] for each in config["scrape_configs"]},
        "topic": {topic.name for topic in topics.TOPICS},
        "reader": {"processors", *all_sinks()},
        "route": {PATH},
        "reason": {"waiting"},
        "why": set(_WHY.values()),
        "status": {"2..", "5.."},
    }


def must_exist(expression: str) -> None:
    """Assert that each metric, label and value of an expression is one that processes have."""
    asked = list(selectors(expression))
    assert asked, expression
    for metric, matchers in asked:
        assert metric in exposed(), metric
        for label, _, value in matchers:
            assert label in exposed()[metric], f"{metric} has no label {label}"
            assert set(value.split("|")) <= known_values()[label], f"{label} is never {value}"
    ours = [metric for metric, _ in asked if metric.startswith("rollcall_")]
    for metric in ours or [metric for metric, _ in asked]:
        missing = grouped_by(expression) - exposed()[metric]
        assert not missing, f"{metric} has no label {missing}"
