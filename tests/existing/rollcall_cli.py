"""Commands against the Rollcall that all tests share."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from schemas.settings import Settings


class Cli:
    """Runs commands as an operator would who has the admin token."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ROLLCALL_URL", settings.url)
        monkeypatch.setenv("ROLLCALL_ADMIN_TOKEN", settings.require_admin_token())

    def run(self, *words: str) -> Result:
        """A command, however it ends."""
        return CliRunner().invoke(app, words)

    def json(self, *words: str) -> Any:
        """What a command prints that must succeed."""
        result = self.run(*words, "--json")
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout)
