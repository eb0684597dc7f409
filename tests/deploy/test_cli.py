"""The command line as people meet it: its help, its page in the docs, its errors."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, get_args, get_type_hints

import pytest
import typer.main
from typer.testing import CliRunner
from typing_extensions import override

import deploy
from deploy.cli import directory, display, policy
from deploy.cli.app import app, main
from deploy.cli.errors import CommandError, exit_code
from deploy.errors import InstallationError, NotAcceptedError
from deploy.local.ports import free_ports
from processors.transaction import TransactionError
from schemas import origin, settings_changes
from schemas import policy as policies
from schemas.positions import LogMismatchError
from schemas.settings import SettingsError

ROOT = Path(deploy.__file__).parents[1]
PAGE = (ROOT / "docs" / "cli.md").read_text()
README = (ROOT / "README.md").read_text()
README_COMMANDS = re.findall(r"^`?(rollcall [^`\n]*)", README, re.MULTILINE)
COMMAND = [sys.executable, "-m", "deploy.cli.app"]
HEAVY = {"httpx2", "pydantic", "confluent_kafka", "psycopg", "sqlalchemy", "faust"}


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield " ".join([*path, name]), command


COMMANDS = dict(commands(typer.main.get_command(app)))
PRINTING_JSON = [
    name
    for name, command in COMMANDS.items()
    if any("--json" in parameter.opts for parameter in command.params)
]


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ROLLCALL_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_ADMIN_TOKEN", "sixteen-characters")


class Said:
    def __init__(self, code: object, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


def run(capsys: pytest.CaptureFixture[str], *words: str) -> Said:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["rollcall", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    return Said(ended.value.code, *capsys.readouterr())


# --- help and docs


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_and_gives_an_example_that_parses(name: str) -> None:
    result = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    example = re.search(rf"Example.*:.* (rollcall {name}\b[^\n]*)", result.output)
    assert example, result.output
    words = shlex.split(example[1])[1 + len(name.split()) :]
    with COMMANDS[name].make_context(name, words):
        pass  # it would raise a UsageError


def test_every_command_has_a_section_in_the_docs_and_nothing_else_has() -> None:
    assert sorted(re.findall(r"^### `rollcall (.*)`$", PAGE, re.MULTILINE)) == sorted(COMMANDS)


@pytest.mark.parametrize("name", PRINTING_JSON)
def test_the_docs_show_the_json_of_a_command(name: str) -> None:
    section = PAGE.split(f"### `rollcall {name}`\n")[1].split("\n##")[0]
    blocks = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 1
    json.loads(blocks[0])


def test_words_are_those_of_the_schema() -> None:
    for name in ("Provider", "Mode", "OnDisconnect"):
        assert getattr(directory, name) == getattr(origin, name)
    for name in ("SoleAdmin", "Breaker"):
        assert getattr(policy, name) == getattr(policies, name)
    assert policy.AttributeType == get_type_hints(policies.OwnAttribute)["type"]
    rulings = get_args(get_type_hints(settings_changes.RuleHold)["ruling"])
    assert {name for name in COMMANDS if name.startswith("hold ")} == {
        "hold list",
        *(f"hold {ruling}" for ruling in rulings),
    }
    for words in (origin.Provider, origin.Mode, policies.HoldReason):
        assert all(word in PAGE for word in get_args(words))


def test_help_loads_nothing_heavy() -> None:
    script = "import sys; sys.argv[1:] = ['--help']; from deploy.cli import app\ntry: app.main()\n"
    script += "finally: print(*sys.modules, sep='\\n', file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Usage: rollcall" in ended.stdout
    assert not HEAVY & set(ended.stderr.split("\n"))


# --- errors: one sentence, no traceback


@pytest.mark.usefixtures("token")
def test_no_gateway(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("ROLLCALL_URL", url)
    said = run(capsys, "tenant", "list", "--json")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"rollcall: No gateway answers at {url}")
    assert "rollcall up" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("command", README_COMMANDS)
def test_the_commands_in_the_readme_are_understood(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("ROLLCALL_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    said = run(capsys, *shlex.split(command)[1:])
    assert said.err.startswith("rollcall: No gateway answers at ")  # so its words were right


@pytest.mark.usefixtures("token")
def test_something_else_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        @override
        def log_message(self, *_: object) -> None:
            pass  # the test's output stays clean

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.handle_request).start()
        monkeypatch.setenv("ROLLCALL_URL", f"http://127.0.0.1:{server.server_port}")
        said = run(capsys, "members", "list", "-t", "acme")
    assert said.code == 1
    assert "answered 404 without JSON, so it is no gateway: check ROLLCALL_URL." in said.err


@pytest.mark.parametrize("name", ["tenant list", "audit list -t acme", 'session list "$M" -t acme'])
def test_no_token(capsys: pytest.CaptureFixture[str], name: str) -> None:
    said = run(capsys, *shlex.split(name))
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("rollcall: ROLLCALL_ADMIN_TOKEN is not set")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ROLLCALL_PORT", "eighty"), ("ROLLCALL_ADMIN_TOKEN", "short"), ("ROLLCALL_INSTANCE", "a b")],
)
def test_a_setting_that_cannot_be(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    said = run(capsys, "up")
    assert said.code == 2
    assert said.err.startswith(f"rollcall: {variable}: ")


@pytest.mark.parametrize("name", ["topics create", "db upgrade"])
def test_no_database(capsys: pytest.CaptureFixture[str], name: str) -> None:
    said = run(capsys, *name.split())
    assert said.code == 2
    assert "ROLLCALL_DATABASE_URL is not set" in said.err


@pytest.mark.parametrize("stage", ["gateway", "processors", "sinks"])
def test_a_stage_without_its_database_ends_with_a_sentence(stage: str) -> None:
    ended = subprocess.run([*COMMAND, stage], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("rollcall: ROLLCALL_DATABASE_URL is not set")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("role list", "--tenant"),
        ("audit list -t acme --since yesterday", "neither an age"),
        ("directory assign d -t acme --name D --provider other", "--provider"),
        ("directory set d -t acme", "--on-disconnect"),
        ("token create d -t acme --days 0", "--days"),
        ("policy set -t acme", "--breaker"),
        ("policy set -t acme --keep badge", "URN:NAME"),
        ("policy set -t acme --keep urn:acme:badge=date", "URN:NAME"),
        ("members list -t acme --limit 201", "--limit"),
        ("dead-letters replay", "LETTER"),
        ("dead-letters replay 1 --all", "LETTER"),
        ("dead-letters replay 1 -t acme", "LETTER"),
        ("dead-letters resume 3", "--reason"),
        ("positions accept --reader a --topic b --at now --reason c", "neither beginning nor end"),
    ],
)
def test_a_wrong_argument(capsys: pytest.CaptureFixture[str], words: str, complaint: str) -> None:
    said = run(capsys, *words.split())
    assert said.code == 2
    assert complaint in said.err


def test_up_says_that_its_port_is_taken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("ROLLCALL_PORT", str(port))
        said = run(capsys, "up")
    assert said.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said.err
    assert "--ephemeral" in said.err


def test_our_own_mistakes_keep_their_traceback() -> None:
    assert exit_code(KeyError("member")) is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("no"), 1),
        (InstallationError("no"), 1),
        (NotAcceptedError("no"), 1),
        (LogMismatchError("no"), 1),
        (TransactionError("no"), 1),
        (SettingsError("no"), 2),
    ],
)
def test_what_has_a_sentence_ends_with_it(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_ctrl_c_ends_a_command_quietly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [*COMMAND, "tenant", "list"],
            cwd=ROOT,
            env={
                **os.environ,
                "ROLLCALL_URL": url,
                "ROLLCALL_ADMIN_TOKEN": "sixteen-characters",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)  # it has asked, and waits for an answer
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "")


# --- what is printed


def test_a_table_without_a_terminal_has_no_control_codes_and_does_not_wrap(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostile = "Ann\x1b[31m\r\nroot"
    sentence = "one sentence that is longer than eighty columns, as sentences in an audit log are"
    row: dict[str, Any] = {
        "display_name": hostile,
        "role": None,
        "workspaces": [{"workspace": "design", "role": None}, {"workspace": "a", "role": "b"}],
        "changed_at": "2026-03-01T10:00:00.123+01:00",
        "active": True,
        "desired": {"standing": "none", "role": None, "workspaces": []},
        "after": {
            "standing": "active",
            "role": "viewer",
            "workspaces": [{"workspace": "c", "role": None}],
        },
        "own": [{"schema": "urn:acme:User", "name": "badge", "type": "integer"}],
        "sentence": f"[bold]{sentence}",
    }
    display.table([row], list(row))
    printed = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", printed)
    for cell in ("Ann\ufffd[31m\ufffd\ufffdroot", "design, a (b)", "2026-03-01 09:00:00", "yes"):
        assert cell in printed
    for cell in ("no access", "viewer, c", "urn:acme:User:badge=integer"):
        assert cell in printed
    assert f"[bold]{sentence}" in printed


def test_json_cannot_steer_a_terminal_either(capsys: pytest.CaptureFixture[str]) -> None:
    body = {"name": "\x9b31m\x1b[31mÅsa"}
    display.as_json(body)
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert json.loads(printed) == body


def test_logs_are_json_without_a_terminal_and_libraries_are_quiet() -> None:
    script = """
import logging, structlog
from deploy.logging import configure
configure()
structlog.get_logger("stage").info("listening", port=8080)
logging.getLogger("plain").warning("%s of %s", 1, 2, extra={"lane": "urgent"})
logging.getLogger("aiokafka.conn").info("chatter")
try:
    raise ValueError("why")
except ValueError:
    logging.getLogger("plain").exception("failed")
assert not logging.getLogger("aiokafka.consumer.fetcher").isEnabledFor(logging.DEBUG)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout == ""
    first, second, third = map(json.loads, ended.stderr.splitlines())
    assert (first["event"], first["port"], first["level"]) == ("listening", 8080, "info")
    assert (second["event"], second["lane"], second["logger"]) == ("1 of 2", "urgent", "plain")
    assert third["exception"][0]["exc_value"] == "why"
