"""What `make storm` is told."""

import os
import secrets

import pytest


@pytest.fixture
def seed() -> int:
    """SEED of the environment, or another one each time; printed, so that it can be run again."""
    chosen = int(os.environ.get("SEED") or secrets.randbelow(1 << 32))
    print(f"\nseed {chosen}")
    return chosen


@pytest.fixture
def people() -> int:
    """PEOPLE of the environment: how many are synced."""
    return int(os.environ.get("PEOPLE") or 2_000)
