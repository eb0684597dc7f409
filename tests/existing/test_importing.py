"""People whom the product has already: told by a file, found again by the IdP, never made twice."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.existing.rollcall_cli import Cli
from tests.scim.idp import Admin, Body, Idp
from tests.waiting import eventually


def written(folder: Path, people: list[dict[str, str]]) -> Path:
    """A CSV file of people."""
    path = folder / "people.csv"
    with path.open("w", newline="") as file:
        lines = csv.DictWriter(file, fieldnames=list(people[0]))
        lines.writeheader()
        lines.writerows(people)
    return path


def everybody(admin: Admin) -> list[Body]:
    """All members, page by page."""
    found: list[Body] = []
    after: str | None = None
    while True:
        page = admin.get("/members", **({"after": after} if after else {}))
        found += page["members"]
        if (after := page["after"]) is None:
            return found


@pytest.mark.parametrize("people", [50, pytest.param(5_000, marks=pytest.mark.storm)])
def test_most_are_found_again_none_is_doubled_and_conflicts_are_listed(
    people: int, admin: Admin, cli: Cli, tmp_path: Path
) -> None:
    """Of 100 the product has, 40 are found by external id, 40 by email; 10 are in doubt."""
    tenth = people // 10
    has = [
        {
            "product_id": f"u-{n}",
            "email": f"p{n}@{'acme.example' if n < 8 * tenth else 'elsewhere.example'}",
            "display_name": f"Pat {n}",
            "role": "admin" if n == 0 else "viewer",
            "workspaces": "design",
            "external_id": f"ext-p{n}" if n < 4 * tenth else "",
        }
        for n in range(people)
    ]
    file = written(tmp_path, has)
    admin.put("/policy", linked="higher")
    admin.put("/domains/acme.example", proof="vouched")
    told = cli.json("members", "import", str(file), "-t", admin.tenant_id)
    assert told["counts"]["created"] == people
    again = cli.json("members", "import", str(file), "-t", admin.tenant_id)
    assert again["counts"]["unchanged"] == people
    eventually(lambda: len(everybody(admin)) == people, 60)
    before = {row["product_id"]: row for row in everybody(admin)}
    with admin.idp() as idp, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: _pushed(idp, n, has[n]["email"]), range(9 * tenth)))
        list(pool.map(lambda n: _pushed(idp, n, f"p{n}@acme.example"), range(people, people + 3)))
        eventually(lambda: len(everybody(admin)) == people + 3, 60)
        after = everybody(admin)
    holds = admin.get("/holds")["holds"]
    assert len(holds) == min(tenth, 200)
    assert {hold["reason"] for hold in holds} == {"conflict"}
    ids = {row["member_id"] for row in after if row["product_id"]}
    assert all(set(hold["rivals"]) <= ids for hold in holds)
    linked = [row for row in after if row["product_id"] and row["external_ids"]]
    assert len(linked) == 8 * tenth
    for row in after:
        if row["product_id"] is not None:
            was = before[row["product_id"]]
            assert row["member_id"] == was["member_id"]
            wanted = "member" if row["external_ids"] and was["role"] == "viewer" else was["role"]
            assert (row["role"], row["standing"]) == (wanted, "active")


def _pushed(idp: Idp, n: int, email: str) -> None:
    """What an IdP pushes of somebody; the externalIds of the second 40 say nothing here."""
    mails = [{"value": email, "primary": True, "type": "work"}]
    response = idp.post_user(f"p{n}", emails=mails)
    assert response.status_code == 201, response.text


def test_each_line_is_checked_before_anything_is_sent(
    admin: Admin, cli: Cli, tmp_path: Path
) -> None:
    lines: list[Any] = [
        {"product_id": "u-1", "email": "ann@acme.example"},
        {"product_id": "u-2", "email": "no address"},
        {"product_id": "u-1", "email": "ann@acme.example"},
        {"product_id": "u-3", "rank": 7},
        ["u-4"],
        {"product_id": "u-5", "joined_at": "2020-02-30"},
    ]
    file = tmp_path / "people.ndjson"
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n{\n")
    result = cli.run("members", "import", str(file), "-t", admin.tenant_id)
    assert isinstance(result.exception, Exception)
    text = str(result.exception)
    assert "6 faults" in text
    for line in ("line 2: email", "line 3: u-1 stands in line 1", "line 4: rank", "line 5"):
        assert line in text
    assert everybody(admin) == []


def test_a_csv_says_workspaces_roles_and_yes(admin: Admin, cli: Cli, tmp_path: Path) -> None:
    line = {"product_id": "u-1", "email": "ann@acme.example", "workspaces": "design:viewer"}
    file = written(tmp_path, [line | {"protected": "yes", "joined_at": "2020-02-29T09:00:00Z"}])
    cli.json("members", "import", str(file), "-t", admin.tenant_id)
    (row,) = eventually(lambda: everybody(admin), 30)  # its topic is not that of the outcome
    assert row["workspaces"] == [{"workspace": "design", "role": "viewer"}]
    manual = admin.get(f"/members/{row['member_id']}")["manual"]
    assert (manual["protected"], manual["joined_at"]) == (True, "2020-02-29T09:00:00Z")


def test_who_is_refused_is_named_and_the_others_are_told(
    admin: Admin, cli: Cli, tmp_path: Path
) -> None:
    people = [{"product_id": "u-1", "role": "viewer"}, {"product_id": "u-2", "role": "pope"}]
    file = written(tmp_path, people)
    result = cli.run("members", "import", str(file), "-t", admin.tenant_id)
    assert "u-2 was refused: no role pope: set it first" in result.output
    assert result.exit_code != 0
    members = eventually(lambda: everybody(admin), 30)
    assert [row["product_id"] for row in members] == ["u-1"]
