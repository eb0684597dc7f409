"""The shared Rollcall, and the commands that an operator runs against it."""

import pytest

from tests.existing.rollcall_cli import Cli
from tests.harness import World


@pytest.fixture
def cli(rollcall: World, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line."""
    return Cli(rollcall.settings, monkeypatch)
