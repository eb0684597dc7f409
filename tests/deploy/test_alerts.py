"""The alerts: each fires when it should, asks for what exists, and is explained."""

import re
from urllib.parse import urlsplit

import pytest
import yaml

from deploy.health import PORTS
from tests.deploy.promql import (
    PROMETHEUS,
    ROOT,
    described,
    must_exist,
    needs_promtool,
    promtool,
    rules,
)

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
ALERTS = {rule["alert"]: rule for rule in rules()}

each_alert = pytest.mark.parametrize("name", sorted(ALERTS))


def section(title: str) -> str:
    """A section of the page, without the next of its level."""
    level, _, _ = title.partition(" ")
    found = re.search(
        rf"^{title}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", OPERATIONS, re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/operations.md has no section {title}"
    return found[1]


TESTS = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "rules.yml"), ("check", "config", "prometheus.yml")],
    ids=["rules", "config"],
)
def test_prometheus_takes_the_files(arguments: tuple[str, str, str]) -> None:
    verb, noun, name = arguments
    promtool(verb, noun, PROMETHEUS / name)


@needs_promtool
def test_each_alert_fires_when_it_should_and_a_healthy_system_is_silent() -> None:
    promtool("test", "rules", PROMETHEUS / "rules_test.yml")


@each_alert
def test_each_alert_has_a_case_in_which_it_fires(name: str) -> None:
    cases = [case for test in TESTS for case in test.get("alert_rule_test", [])]
    assert any(case["alertname"] == name and case.get("exp_alerts") for case in cases)


def test_two_systems_that_are_well_ask_for_all_alerts_at_once() -> None:
    cases = [case for test in TESTS for case in test.get("promql_expr_test", [])]
    silent = [case["exp_samples"] == [] and "ALERTS" in case["expr"] for case in cases]
    assert silent == [True, True]


@each_alert
def test_each_alert_asks_for_what_processes_have(name: str) -> None:
    must_exist(ALERTS[name]["expr"])


@each_alert
def test_each_alert_says_how_urgent_it_is_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert re.search(r"\{\{.*\$(value|labels)", rule["annotations"]["description"])
    runbook = urlsplit(rule["annotations"]["runbook_url"])
    assert (ROOT / runbook.path).exists()
    assert runbook.fragment == name.lower()  # as web pages make it of the heading
    steps = section(f"### {name}")
    assert f"- You see: {rule['labels']['severity']}." in steps
    assert "- Do: " in steps


def test_the_page_has_a_section_for_each_alert_and_no_other() -> None:
    assert sorted(re.findall(r"^### (.*)$", section("## Alerts"), re.MULTILINE)) == sorted(ALERTS)


@each_alert
def test_what_a_section_calls_by_its_name_is_there(name: str) -> None:
    headings = set(re.findall(r"^#+ (.*)$", OPERATIONS, re.MULTILINE))
    steps = section(f"### {name}")
    alerts = set(re.findall(r"\bRollcall[A-Z]\w+", steps))
    assert alerts <= ALERTS.keys()
    joined = " ".join(steps.split())
    for title in re.findall(r'(?:see|and) "([A-Z][^"]*)"', joined):
        assert title in headings, title


def test_the_page_lists_each_metric_with_its_help_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", section("## Metrics"), re.MULTILINE)
    assert dict(rows) == described()
    assert len(rows) == len(described())


def test_prometheus_asks_each_process_where_it_answers() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    asked = {
        each["job_name"]: [
            target for static in each["static_configs"] for target in static["targets"]
        ]
        for each in config["scrape_configs"]
    }
    assert asked == {stage: [f"{stage}:{port}"] for stage, port in PORTS.items()}
