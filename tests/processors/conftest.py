"""The real application, for what can be shown without a broker."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processors import app as processors_app
from schemas.health import Health
from schemas.positions import Installation
from schemas.settings import Settings
from schemas.topics import TOPICS


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Any]:
    """The real application; it is built, but never started."""
    settings = Settings(kafka="127.0.0.1:1", state_folder=tmp_path, instance="a")
    installation = Installation(
        cluster_id="c",
        partitions=4,
        topic_ids={settings.topic(topic.name): topic.name for topic in TOPICS},
    )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    (tmp_path / "rollcall-processors" / "a").mkdir(parents=True)
    created: Any = processors_app.create(settings, installation, lambda: None, Health())
    yield created
    created.consumer._thread.thread_loop.close()  # mode makes it, and leaves it open
    asyncio.set_event_loop(None)
    loop.close()
