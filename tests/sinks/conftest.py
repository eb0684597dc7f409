from collections.abc import Iterator

import psycopg
import pytest

from schemas.settings import Settings
from sinks.connection import connect

WAIT_SECONDS = 60.0


@pytest.fixture
def sink(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection in the role of the sinks."""
    with connect(Settings(database_url=database_url)) as connection:
        yield connection
