"""`rollcall simulate`: the company, the report, and what is said where it cannot begin."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import get_args

import pytest
from typer.testing import CliRunner, Result
from typing_extensions import override

import deploy
from deploy.cli import simulate
from deploy.cli.app import app
from deploy.cli.errors import CommandError
from deploy.local.ports import free_ports
from deploy.simulate import providers
from deploy.simulate.company import Company, founded
from deploy.simulate.life import LIFE, life
from deploy.simulate.report import Report
from tests.deploy.docs import documented, same_shape

ROOT = Path(deploy.__file__).parents[1]
STEPS = list(LIFE)


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ROLLCALL_"):
            monkeypatch.delenv(name)


# --- the company


def after(*steps: str, people: int = 100) -> Iterator[Company]:
    """The company before and after some steps."""
    rng = random.Random(7)
    truth = founded(7, people, 4)
    yield truth
    for step in steps:
        truth = LIFE[step](truth, rng)
        yield truth


def test_a_company_is_the_same_whenever_it_is_founded() -> None:
    assert founded(1, 50, 3) == founded(1, 50, 3) != founded(2, 50, 3)
    assert [*life(founded(1, 50, 3), 1)] == [*life(founded(1, 50, 3), 1)]


def test_everybody_has_an_id_an_address_and_a_manager_of_the_company() -> None:
    truth = founded(1, 2_000, 20)
    assert len(truth.people) == len({each.email for each in truth.people.values()}) == 2_000
    assert {each.manager for each in truth.people.values()} <= {None, *truth.people}
    assert len(truth.groups) == len({each.name for each in truth.groups.values()}) == 20
    assert all(
        each.members and each.members <= truth.people.keys() for each in truth.groups.values()
    )


@pytest.mark.parametrize("people", [1, 2, 30, 2_000])
def test_every_step_works_in_a_company_of_any_size(people: int) -> None:
    truths = [truth for _, truth in life(founded(3, people, 2), 3)]
    assert len(truths) == len(STEPS)
    assert all(
        each.members <= truth.people.keys() for truth in truths for each in truth.groups.values()
    )
    assert founded(1, people, 0).groups == {}


def test_a_renamed_person_keeps_their_id_and_gets_another_login() -> None:
    before, later = after("renames")
    changed = [at for at in before.people if before.people[at] != later.people[at]]
    assert len(changed) == 3
    for at in changed:
        was, now = before.people[at], later.people[at]
        assert was.email != now.email
        assert was.last_name != now.last_name
        assert (was.first_name, was.id) == (now.first_name, at)


def test_who_moves_changes_in_everything_else() -> None:
    before, later = after("moves")
    for was, now in zip(before.people.values(), later.people.values(), strict=True):
        assert (was == now) or (was.department != now.department and was.title != now.title)
        assert now.manager != now.id
    assert before != later


def test_group_moves_change_nothing_but_members() -> None:
    before, later = after("group moves")
    assert before.people == later.people
    was, now = ([each.members for each in truth.groups.values()] for truth in (before, later))
    assert any(old - new for old, new in zip(was, now, strict=True))
    assert any(new - old for old, new in zip(was, now, strict=True))
    assert {each.name for each in before.groups.values()} == {g.name for g in later.groups.values()}


def test_who_departed_returns_or_is_forgotten() -> None:
    before, gone, back, end = after("departures", "returns", "deletions for good", people=200)
    counts = [len(truth.active()) for truth in (before, gone, back, end)]
    assert counts == [200, 196, 198, 198]
    assert len(end.people) == 198
    for at, each in back.people.items():
        assert not each.active or each == before.people[at]


def test_a_withdrawn_group_comes_back_as_it_was() -> None:
    before, without, again = after("a withdrawn group", "the group pushed again")
    assert len(without.groups) == 3
    assert {g.id: g for g in again.groups.values()} == before.groups


# --- the report


def test_the_report_counts_and_measures() -> None:
    report = Report()
    report.begin("first sync")
    for number in range(100):
        report.note("POST of a user", "201" if number else "503", number / 1_000, writes=True)
    report.note("GET of a user", "200", 1, writes=False)
    report.surprise("POST of a user", "brings no id", "POST /Users → 201 {}")
    report.surprise("POST of a user", "brings no id", "another")
    body = report.body()
    posts, gets = body["requests"]
    assert (posts["count"], posts["p50_ms"], posts["p99_ms"]) == (100, 49.5, 98.0)
    assert posts["statuses"] == [{"status": "503", "count": 1}, {"status": "201", "count": 99}]
    assert (gets["p50_ms"], gets["p99_ms"]) == (1_000, 1_000)
    assert (body["phases"][0]["requests"], report.phases[0].writes) == (101, 100)
    (surprise,) = body["surprises"]
    assert (surprise["count"], surprise["example"]) == (2, "POST /Users → 201 {}")


# --- the command


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["simulate", *words])


def test_the_providers_are_those_that_can_be_simulated() -> None:
    assert {*get_args(simulate.Simulated)} == {*providers.NAMES}


@contextmanager
def answering(status: int, content_type: str, body: bytes, *first: int) -> Iterator[str]:
    """The URL of a server that has one answer to everything, after some statuses."""
    statuses = iter(first)

    class Answering(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(next(statuses, status))
            self.send_header("Retry-After", "0")
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        @override
        def log_message(self, *_: object) -> None:
            pass  # the test's output stays clean

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/scim/v2"
        finally:
            server.shutdown()
            thread.join()


def test_nobody_listens() -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}/scim/v2"
    result = run("okta", "--url", url, "--token", "t")
    assert isinstance(result.exception, CommandError)
    assert str(result.exception).startswith(f"Nobody answers at {url} ")
    assert "check --url" in str(result.exception)


def test_a_wrong_token() -> None:
    with answering(401, "application/scim+json", b"{}") as url:
        result = run("okta", "--url", url, "--token", "wrong")
    assert isinstance(result.exception, CommandError)
    assert "rollcall token create" in str(result.exception)


def test_a_url_that_is_none() -> None:
    result = run("okta", "--url", "http://[", "--token", "t")
    assert isinstance(result.exception, CommandError)
    assert "check --url" in str(result.exception)


def test_a_url_of_something_else_says_so_before_anything_is_pushed() -> None:
    with answering(404, "text/html", b"<p>Not Found") as url:
        result = run("okta", "--url", url, "--token", "t")
    assert isinstance(result.exception, CommandError)
    assert "check --url" in str(result.exception)


def test_without_a_token_it_must_know_the_directory() -> None:
    result = run("okta", "--url", "http://127.0.0.1:1/scim/v2")
    assert result.exit_code == 2
    assert "--directory" in result.output


def test_answers_that_mean_nothing_are_surprises() -> None:
    with answering(200, "application/json", b'{"totalResults": 0, "odd": null}') as url:
        words = ("--url", url, "--token", "t", "--people", "2", "--groups", "1")
        result = run("generic", *words, "--json")
        told = run("generic", *words)
    assert result.exit_code == told.exit_code == 1
    body = json.loads(result.stdout)
    same_shape(documented("simulate"), body)
    found = {(each["request"], each["what"].partition(",")[0]) for each in body["surprises"]}
    assert ("test of the connection", "says that there is no PATCH") in found
    assert ("POST of a user", "is answered 200") in found
    assert ("look-up of a user", "is answered as application/json") in found
    assert f"Surprises: {len(body['surprises'])}." in told.output


@pytest.mark.parametrize(("provider", "surprises"), [("okta", 1), ("pingone", 0)])
def test_what_is_busy_is_asked_again_and_okta_is_not_known_to_do_that(
    provider: str, surprises: int
) -> None:
    body = b'{"totalResults": 0}'
    with answering(200, "application/scim+json", body, 429, 503) as url:
        result = run(provider, "--url", url, "--token", "t", "--people", "1", "--json")
    body = json.loads(result.stdout)
    probe = body["requests"][0]
    assert [each["status"] for each in probe["statuses"]] == ["429", "503", "200"]
    found = [each["what"] for each in body["surprises"] if each["request"] == probe["request"]]
    assert len(found) == surprises
    assert all("nothing says that this provider tries again" in each for each in found)


def test_ctrl_c_ends_it_with_the_report_so_far() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/scim/v2"
        words = ["simulate", "okta", "--url", url, "--token", "t", "--json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli.app", *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)  # it has asked, and waits for an answer
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
    assert (process.returncode, err) == (130, "")
    body = json.loads(out)
    assert body["ended"] is False
    assert [each["name"] for each in body["phases"]] == ["test of the connection"]
