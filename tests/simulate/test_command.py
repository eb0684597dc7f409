"""`rollcall simulate` as people run it, against a running Rollcall."""

import json

from typer.testing import CliRunner, Result

from deploy.cli.app import app
from tests.deploy.docs import documented, same_shape
from tests.harness import World
from tests.scim.idp import Admin

SMALL = ("--people", "3", "--groups", "1")


def run(rollcall: World, *words: str) -> Result:
    env = {name: value for name, value in rollcall.env().items() if name[:9] == "ROLLCALL_"}
    return CliRunner().invoke(app, ["simulate", *words], env=env)


def test_it_makes_a_token_and_ends_it(rollcall: World, admin: Admin) -> None:
    directory = admin.directory("okta")
    words = ("okta", "-t", admin.tenant_id, "--directory", directory, *SMALL, "--json")
    for _ in range(2):  # what is there is found, and taken over
        result = run(rollcall, *words)
        assert result.exit_code == 0, result.output
    body = json.loads(result.stdout)
    same_shape(documented("simulate"), body)
    assert body["ended"] is True
    assert body["surprises"] == []
    tokens = admin.get(f"/directories/{directory}/tokens")["tokens"]
    assert len(tokens) == 2
    assert all(each["revoked_at"] for each in tokens)


def test_a_token_of_nobody_is_refused_with_what_to_do(rollcall: World) -> None:
    result = run(rollcall, "okta", "--token", "rc_scim_nobody", *SMALL)
    assert "rollcall token create" in str(result.exception)


def test_a_wrong_webhook_secret_is_refused_with_what_to_do(rollcall: World) -> None:
    result = run(rollcall, "workos:okta", "--directory", "d", "--token", "wrong-" * 3, *SMALL)
    assert "ROLLCALL_WORKOS_WEBHOOK_SECRETS" in str(result.exception)
