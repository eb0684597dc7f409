"""What operators ask the gateway for, and what they write into a partition's state."""

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import typer.main
from confluent_kafka import Producer
from starlette.routing import Match, Mount
from typer.testing import CliRunner, Result
from typing_extensions import override

from deploy.cli import directory
from deploy.cli.app import app
from deploy.errors import NotAcceptedError
from deploy.positions import operating, resumption, survey
from ingest.gateway import Gateway
from processors.transaction import Transaction
from schemas import codec, limits, topics
from schemas.letters import Budget, budget_key
from schemas.positions import Installation
from schemas.settings import Settings
from tests.deploy.asking import PARTITION, STATE, decided, remember, run, standing, told
from tests.deploy.docs import documented, same_shape
from tests.harness import PARTITIONS, World

SECONDS = 60.0
SPENT = Budget(seen=500, letters=tuple(range(1, limits.BUDGET_LETTERS + 1)))
SECRET = "sixteen-characters"
BASE_URL = "https://rollcall.example.com/scim/v2"
NOUNS: Any = typer.main.get_command(app)
ELSEWHERE = {
    "directory assign",  # waits for what is replayed: test_dead_letters
    "directory replace",  # asks several times: tests/existing
    "members import",  # reads a file: tests/existing
}
EXAMPLES = {
    f"{noun} {verb}": re.findall(rf"rollcall ({noun} {verb}\b.*)", command.help)[-1]
    for noun in (
        *("tenant", "role", "workspace", "directory", "token", "policy", "hold", "members"),
        "domain",
    )
    for verb, command in NOUNS.commands[noun].commands.items()
    if f"{noun} {verb}" not in ELSEWHERE
}
PRINTED = (
    (
        "directory create --name O -t acme",
        f"IdP: {BASE_URL}\nIts token: rollcall token create 0198c1f4-",
    ),
    ("directory set d --mode testing -t acme", "d says is recorded, and moves nobody's access"),
    ("directory disconnect d --yes -t acme", "refused, its people keep their access."),
    (
        "token create d -t acme",
        "is shown once and kept nowhere: put it into the IdP now.\nrc_scim_",
    ),
    ("token revoke d k -t acme", f"within {limits.TOKEN_CACHE_SECONDS} s"),
    (
        "policy show -t acme",
        "sole admin: allow\nbreaker: off\nlinked: directory\nown attributes: -\n",
    ),
    ("hold list -t acme", "no access"),
    ("domain verify a.example -t acme", "acme.example is verified for acme.\n"),
    ("domain remove a.example -t acme", "acme.example is verified for acme no longer.\n"),
    ("hold discard m -t acme", "until the IdP says the opposite"),
)


def own(name: str, kind: str) -> dict[str, str]:
    return {"schema": "urn:acme:scim:User", "name": name, "type": kind}


class StandIn(HTTPServer):
    """Answers a command as the docs show its answer, and notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[tuple[str, str, Any]] = []
        self.words = ""

    def run(self, words: str, answer: str = "") -> Result:
        """Run a command here."""
        self.words = words
        url = f"http://127.0.0.1:{self.server_port}"
        public = "https://rollcall.example.com/"
        env = {"URL": url, "PUBLIC_URL": public, "ADMIN_TOKEN": SECRET}
        ours = {f"ROLLCALL_{name}": value for name, value in env.items()}
        return CliRunner().invoke(app, shlex.split(words), env=ours, input=answer)


class Answering(BaseHTTPRequestHandler):
    def answer(self) -> None:
        assert isinstance(self.server, StandIn)
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0].removeprefix("/api")
        self.server.asked.append((self.command, path, json.loads(sent) if sent else None))
        lists = {"/tenants": "tenant list", "/tenants/acme/directories": "directory list"}
        shown = lists.get(path) if self.command == "GET" else None
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(documented(shown or self.server.words)).encode())

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

    @override
    def log_message(self, *_: object) -> None:
        pass  # the test's output stays clean


@pytest.fixture
def gateway() -> Iterator[StandIn]:
    with StandIn() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def api() -> list[Any]:
    """The routes of the real API; nothing of it is connected."""
    settings = Settings(
        kafka="127.0.0.1:1",
        database_url="postgresql://127.0.0.1:1/none",
        admin_token=SECRET,
        redaction_key=SECRET,
    )
    made = Installation(cluster_id="", partitions=PARTITIONS, topic_ids={})
    mounts = [each for each in Gateway(settings, made).app.routes if isinstance(each, Mount)]
    return next(each.routes for each in mounts if each.path == "/api")


# --- asked of the gateway


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_command_asks_what_the_api_takes_and_the_docs_show_what_it_answers(
    gateway: StandIn, api: list[Any], name: str
) -> None:
    said = gateway.run(f"{EXAMPLES[name]} --json")
    assert said.exit_code == 0, said.output
    same_shape(documented(name), json.loads(said.stdout))
    ((method, path, body),) = gateway.asked
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    (route,) = [each for each in api if each.matches(scope)[0] == Match.FULL]
    assert (body is None) == (route.body_field is None)
    if body is not None:
        route.body_field.field_info.annotation.model_validate_json(json.dumps(body))
    if name != "policy show" and (model := route.response_model):  # that is one of many
        shown = {key: value for key, value in documented(name).items() if key != "scim_url"}
        known = model.model_validate_json(json.dumps(shown))
        same_shape(shown, json.loads(known.model_dump_json(by_alias=True)))


@pytest.mark.parametrize(("words", "sentence"), PRINTED)
def test_people_are_told_what_was_done(gateway: StandIn, words: str, sentence: str) -> None:
    said = gateway.run(words)
    assert (said.exit_code, said.stderr) == (0, "")
    assert sentence in said.stdout


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ("directory create --name O", {"name": "O", "provider": "generic", "kind": "scim"}),
        ("directory set d --mode paused", {"mode": "paused"}),
        ("directory set d --on-disconnect keep", {"on_disconnect": "keep"}),
        ("policy set --sole-admin block", {"sole_admin": "block"}),
        ("policy set --keep ''", {"own_attributes": []}),
        (
            "policy set --keep urn:acme:scim:User:badge --keep urn:acme:scim:User:desk=integer",
            {"own_attributes": [own("badge", "string"), own("desk", "integer")]},
        ),
        ("policy set --kept-as-sent title", {"kept_as_sent": ["title"]}),
        ("domain verify a.example", {"proof": "dns"}),
        ("domain verify a.example --vouch", {"proof": "vouched"}),
        ("hold approve m", {"ruling": "approve"}),
        ("hold discard m", {"ruling": "discard"}),
        ("hold separate m", {"ruling": "separate"}),
    ],
)
def test_what_was_said_is_asked_and_the_rest_left_as_it_is(
    gateway: StandIn, words: str, body: Any
) -> None:
    assert gateway.run(f"{words} -t acme").exit_code == 0
    ((_, _, sent),) = gateway.asked
    assert {name: value for name, value in sent.items() if value is not None} == body


def test_a_directory_is_ended_after_asking(gateway: StandIn) -> None:
    directory_id = documented("directory list")["directories"][0]["directory_id"]
    words = f"directory disconnect {directory_id} -t acme"
    asked = gateway.run(words, answer="n\n")
    assert "Its people keep their access. End it for good? [y/N]" in asked.stderr
    assert str(asked.exception) == "Nothing was changed."
    assert "has no directory other" in str(
        gateway.run(words.replace(directory_id, "other")).exception
    )
    assert {method for method, _, _ in gateway.asked} == {"GET"}
    assert gateway.run(words, answer="y\n").exit_code == 0
    assert gateway.asked[-1] == ("DELETE", f"/tenants/acme/directories/{directory_id}", None)


def test_a_loss_that_waits_is_not_told_as_a_loss() -> None:
    ended = {"mode": "paused", "on_disconnect": "deactivate"}
    assert "hold list" in directory._people(ended)
    assert directory._people(ended | {"mode": "active"}) == "lose all access"
    assert directory._people(ended | {"on_disconnect": "keep"}) == "keep their access"


# --- written into the state: told first, and against workers that are alive


@pytest.mark.kafka
def test_a_partition_that_stopped_is_shown_and_resumed(world: World) -> None:
    decided(world, -1, "")
    remember(world, budget_key(), SPENT)
    found = {each.verdict for each in survey.standings(world.settings)}
    assert found == {"ok", "stopped: too many dead letters"}
    assert not standing(world).refused
    words = ("dead-letters", "resume", str(PARTITION), "--reason", "the bad release is gone")
    done = run(world, *words)
    assert done.exit_code == 0, done.output
    world.until_readable(STATE)
    assert told(world) == [
        f"The operator let partition {PARTITION} decide again: the bad release is gone"
    ]
    assert standing(world).verdict == "ok"
    with pytest.raises(NotAcceptedError, match="nothing to resume"):
        resumption.resume(world.settings, PARTITION, "again")
    with pytest.raises(NotAcceptedError, match="they go from 0 to 3"):
        resumption.resume(world.settings, PARTITIONS, "why")


@pytest.mark.kafka
def test_the_state_is_read_back_as_far_as_it_must_be(world: World) -> None:
    decided(world, -1, "old")
    decided(world, -1, "", topics.URGENT.name)
    topic = world.settings.topic("state-changelog")
    with closing(Producer({"bootstrap.servers": world.settings.require_kafka()})) as producer:
        for number in range(6_000):
            producer.produce(topic, b"{}", b"other-%d" % number, PARTITION)
        assert producer.flush(SECONDS) == 0
    decided(world, -1, "new")
    seen: list[tuple[int, int]] = []
    standings = survey.standings(world.settings, lambda *progress: seen.append(progress))
    assert {each.verdict for each in standings} == {"ok"}
    assert {each.position.ce_id for each in standings if each.position} == {"new", ""}
    done = [number for number, _ in seen]
    assert done == sorted(done)
    assert len(set(done)) > 2
    assert seen[-1] == (6_006, 6_006)


class Rival:
    """A worker that takes a partition back, so many times."""

    def __init__(self, world: World, times: int) -> None:
        self._world = world
        self.left = times
        self.calls = 0

    def takes_back(self) -> None:
        self.calls += 1
        if self.left > 0:
            self.left -= 1
            producer = Transaction(self._world.settings, PARTITION)._producer
            producer.init_transactions(SECONDS)


@pytest.mark.kafka
@pytest.mark.parametrize("times", [1, operating.TRIES])
def test_a_worker_that_takes_its_partition_back_is_outlasted_or_told_of(
    world: World, times: int
) -> None:
    rival = Rival(world, times)
    said = operating.entry_of("test", "partition/0", "Once.")

    def first() -> None:
        operating.audit(world.settings, said)
        rival.takes_back()

    written = (world.settings, PARTITION, budget_key(), codec.encode(SPENT), first)
    if times < operating.TRIES:
        operating.write_state(*written)
        world.until_readable(STATE)
        assert rival.calls == times + 1
        assert survey.STOPPED in {each.verdict for each in survey.standings(world.settings)}
    else:
        with pytest.raises(NotAcceptedError, match="stop the processors"):
            operating.write_state(*written)
    assert told(world) == ["Once."]
