"""`rollcall up` and every command that talks to it, on real parts."""

import socket
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from deploy.cli import foreground
from deploy.cli.errors import CommandError
from deploy.demo.posting import PATH, post_all, request
from deploy.health import PORTS
from deploy.simulate.workos import Event, deactivation, first_sync
from tests.clear import CLEAR
from tests.deploy.docs import documented, same_shape
from tests.deploy.foreground import COMMAND, ENVIRONMENT, Up, stop, up
from tests.waiting import eventually

ACME = ("-t", "acme")
PEOPLE = 12


def set_up(running: Up, events: list[Event]) -> None:
    running.json("tenant", "create", "acme", "--name", "Acme Inc.")
    running.json("role", "set", "admin", "--rank", "30", "--admin", *ACME)
    running.json("role", "set", "member", "--rank", "20", "--default", *ACME)
    running.json("workspace", "create", "design", "--name", "Design", *ACME)
    running.json("directory", "assign", "directory_01A", "--name", "Acme Okta", *ACME)
    group = next(each["data"]["id"] for each in events if "group.created" in each["event"])
    words = ("-d", "directory_01A", "--role", "admin", "--workspace", "design:member", *ACME)
    running.json("mapping", "set", group, *words)


def leave(running: Up, created: Event) -> None:
    secret = running.addresses["workos_webhook_secret"]
    body, headers = request(deactivation(created, datetime.now(UTC)), secret)
    answer = httpx2.post(running.addresses["gateway"] + PATH, content=body, headers=headers)
    assert answer.status_code == 200


def test_up_serves_every_command_as_documented_and_ctrl_c_stops_all_of_it() -> None:
    events = first_sync(7, PEOPLE, 1, "directory_01A", "org_01A")
    with up() as running:
        same_shape(documented("up"), running.addresses)
        eventually(lambda: all_ready(running), 30)
        set_up(running, events)
        secret = running.addresses["workos_webhook_secret"]
        post_all(events, running.addresses["gateway"], secret, lambda: None)
        admins = eventually(lambda: all_arrived(running), 60)
        look_inside(running, admins[0])
        look_at_lists(running)
        refuse(running)

        created = next(each for each in events if each["data"].get("email") == admins[0]["email"])
        member = admins[0]["member_id"]
        leave(running, created)
        eventually(lambda: not running.json("session", "list", member, *ACME)["sessions"], 30)
        keys = running.json("api-key", "list", member, *ACME)["api_keys"]
        assert all(key["revoked_at"] for key in keys)
        explained(running, admins[0])
        stop(running)


def all_ready(running: Up) -> bool:
    health = running.addresses["health"]
    urls = [f"{health[stage]}/readyz" for stage in PORTS]
    return [httpx2.get(url, verify=CLEAR).status_code for url in urls] == [200] * 3


def all_arrived(running: Up) -> list[Any]:
    page = running.json("members", "list", "--role", "admin", "--workspace", "design", *ACME)
    return page["members"] if len(page["members"]) == PEOPLE else []


def look_inside(running: Up, admin: Any) -> None:
    member = admin["member_id"]
    running.json("session", "create", member, "--label", "Firefox on Linux", *ACME)
    running.json("api-key", "create", member, "--label", "nightly export", *ACME)
    shown = running.json("members", "show", member, *ACME)
    assert [group["name"] for group in shown["users"][0]["groups"]] == ["All Employees"]
    table = running.table("members", "show", member, *ACME)
    for part in (admin["email"], "design (member)", "All Employees", "Firefox on Linux"):
        assert part in table


def look_at_lists(running: Up) -> None:
    first = running.json("members", "list", "--limit", "2", *ACME)
    rest = running.json("members", "list", "--after", first["after"], *ACME)
    assert len(first["members"]) + len(rest["members"]) == PEOPLE
    assert rest["after"] is None
    for noun in ("tenant", "role", "workspace", "directory", "mapping"):
        of = () if noun == "tenant" else ACME
        (rows,) = running.json(noun, "list", *of).values()
        assert rows
    assert "--after" in running.table("members", "list", "--limit", "2", *ACME)


def refuse(running: Up) -> None:
    for token, words, sentence in (
        (None, ["role", "list", "-t", "nobody"], "Refused (404): "),
        (None, ["tenant", "create", "acme", "--name", "Other"], "Refused (409): "),
        ("sixteen-characters", ["tenant", "list"], "refuses the admin token: set ROLLCALL_ADMIN_"),
    ):
        env = {**ENVIRONMENT, **running.env}
        env |= {"ROLLCALL_ADMIN_TOKEN": token} if token else {}
        ended = subprocess.run(
            [*COMMAND, *words], env=env, capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stdout) == (1, "")
        assert sentence in ended.stderr
        assert ended.stderr.count("\n") == 1


def explained(running: Up, admin: Any) -> None:
    """Who got admin last week?  And why has this one lost it?"""
    member = admin["member_id"]

    def lost() -> list[str]:
        entries = running.json("audit", "list", "--member", member, *ACME)["entries"]
        return [each["sentence"] for each in entries if each["role_from"] == "admin"]

    (sentence,) = eventually(lost, 30)
    assert sentence.startswith(f"{admin['display_name']} lost all access because")
    got = running.json("audit", "list", "--role-to", "admin", "--since", "7d", *ACME)["entries"]
    assert {entry["role_to"] for entry in got} == {"admin"}
    assert len({entry["member_id"] for entry in got}) == PEOPLE
    assert running.json("audit", "list", "--since", "2100-01-01", *ACME)["entries"] == []
    assert sentence in running.table("audit", "list", "--member", member, *ACME)


def test_a_health_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_PORT", "0")
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else has it, which is as good
            taken.bind(("127.0.0.1", PORTS["sinks"]))
        taken.listen()
        with pytest.raises(CommandError, match=r"127\.0\.0\.1:940\d .* ROLLCALL_HEALTH_PORT to 0"):
            foreground.run(ephemeral=False, data=None, as_json=True)


def test_one_health_port_for_three_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_PORT", "0")
    monkeypatch.setenv("ROLLCALL_HEALTH_PORT", "9500")
    with pytest.raises(CommandError, match="is 9500, but `rollcall up` runs three processes"):
        foreground.run(ephemeral=False, data=None, as_json=True)
