"""The dashboard: its queries ask for what exists, and see nothing of a person."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.deploy.promql import (
    PROMETHEUS,
    ROOT,
    described,
    must_exist,
    needs_promtool,
    promtool,
    rules,
    selectors,
)
from tests.deploy.test_migrations import DASHBOARD_ROLE, row_for

GRAFANA = ROOT / "deploy" / "grafana"
BOARD = json.loads((GRAFANA / "dashboards" / "rollcall.json").read_text())
PANELS: dict[str, dict[str, Any]] = {panel["title"]: panel for panel in BOARD["panels"]}
PERSON = "ann@acme.example"

each_panel = pytest.mark.parametrize("title", PANELS)


def datasources() -> dict[str, dict[str, Any]]:
    text = (GRAFANA / "provisioning" / "datasources" / "rollcall.yml").read_text()
    return {each["uid"]: each for each in yaml.safe_load(text)["datasources"]}


def queries(*titles: str) -> Iterator[str]:
    """The PromQL of panels, with what Grafana would put in."""
    for title in titles or PANELS:
        for target in PANELS[title]["targets"]:
            if "expr" in target:
                yield target["expr"].replace("$__rate_interval", "1m")


def statements() -> dict[str, str]:
    """The SQL of each panel that asks Postgres."""
    return {
        title: target["rawSql"]
        for title, panel in PANELS.items()
        for target in panel["targets"]
        if "rawSql" in target
    }


def test_the_first_panel_is_the_time_until_sessions_end() -> None:
    first = min(BOARD["panels"], key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))
    assert first is BOARD["panels"][0]
    asked = list(queries(first["title"]))
    assert [re.findall(r"histogram_quantile\(([\d.]+)", query) for query in asked] == [
        ["0.5"],
        ["0.99"],
    ]
    assert all("rollcall_revocation_seconds_bucket" in query for query in asked)


@each_panel
def test_each_panel_says_what_it_shows(title: str) -> None:
    panel = PANELS[title]
    assert panel["description"].endswith(".")
    uid = panel["datasource"]["uid"]
    assert panel["datasource"]["type"] == datasources()[uid]["type"]
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
    is_time = any("_seconds" in re.sub(r"changes\([^)]*\)", "", query) for query in queries(title))
    assert (panel["fieldConfig"]["defaults"].get("unit") == "s") == is_time


def test_panels_have_names_of_their_own_and_room() -> None:
    assert len(PANELS) == len({panel["id"] for panel in PANELS.values()}) == len(BOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in PANELS.values():
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        assert x + w <= 24
        cells = {(column, row) for column in range(x, x + w) for row in range(y, y + h)}
        assert not taken & cells, panel["title"]
        taken |= cells


@pytest.mark.parametrize("query", [*queries()])
def test_each_query_asks_for_what_processes_have(query: str) -> None:
    must_exist(query)


@needs_promtool
def test_prometheus_takes_each_query(tmp_path: Path) -> None:
    recorded = [
        {"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    promtool("check", "rules", file)


def test_each_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    expressions = [*queries(), *(rule["expr"] for rule in rules())]
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", s.metric) for e in expressions for s in selectors(e)
    }
    assert described().keys() <= asked


def test_a_rate_reaches_over_enough_scrapes() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    told = datasources()["prometheus"]["jsonData"]["timeInterval"]
    assert told == config["global"]["scrape_interval"]


def test_panels_see_letters_of_every_tenant_and_nothing_of_a_person(database_url: str) -> None:
    assert statements().keys() == {"Open removals", "Open dead letters by age", "Worst directories"}
    with psycopg.connect(database_url) as owner:
        owner.execute(*row_for("directory", "acme"))
        owner.execute("UPDATE directory SET directory_id = 'dir_1', name = 'Acme Okta'")
        for number, removal in enumerate((True, False, False)):
            owner.execute(*row_for("dead_letter", f"{PERSON}-{number}"))
            owner.execute(
                "UPDATE dead_letter SET tenant_id = 'acme', directory_id = 'dir_1', settled = NULL,"
                " removal = %s, recorded_at = now(), value = %s WHERE tenant_id = %s",
                [removal, PERSON.encode(), f"{PERSON}-{number}"],
            )
        owner.execute(*row_for("dead_letter", "globex"))
        owner.execute("UPDATE dead_letter SET settled = NULL WHERE tenant_id = 'globex'")
        owner.execute(*row_for("dead_letter", "settled"))
    role = f"-c role={DASHBOARD_ROLE} -c default_transaction_read_only=on"
    with psycopg.connect(database_url, options=role) as dashboard:
        seen = {title: dashboard.execute(query) for title, query in statements().items()}
        rows = {title: cursor.fetchall() for title, cursor in seen.items()}
    assert PERSON not in repr(rows)
    old = datetime(2026, 1, 1, tzinfo=UTC)
    assert rows["Open removals"] == [(2,)]
    assert rows["Open dead letters by age"] == [("1 under an hour", 1, 2), ("4 older", 1, 0)]
    worst, other = rows["Worst directories"]
    assert worst[:-1] == ("acme", "dir_1", "Acme Okta", "acme", 1, 3)
    assert other == ("globex", "globex", None, None, 1, 1, old)


def test_statements_hold_nothing_that_only_grafana_understands() -> None:
    assert not any("$" in statement for statement in statements().values())


def test_the_dashboard_is_provisioned_from_where_compose_mounts_it() -> None:
    text = (GRAFANA / "provisioning" / "dashboards" / "rollcall.yml").read_text()
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    (provider,) = yaml.safe_load(text)["providers"]
    mounts = compose["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts
    assert "./deploy/grafana/provisioning:/etc/grafana/provisioning:ro" in mounts
    home = compose["services"]["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]
    assert home == f"{provider['options']['path']}/rollcall.json"
