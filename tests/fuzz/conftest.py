"""How hard the fuzzer tries: a little in `make test`, always the same; far in `make fuzz`."""

import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.harness import World
from tests.scim.idp import Idp

ALIKE = settings(
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("sampled", ALIKE, max_examples=40, derandomize=True)
settings.register_profile("fuzz", ALIKE, max_examples=int(os.environ.get("EXAMPLES") or 5_000))


@pytest.fixture(autouse=True)
def _nothing_failed(rollcall: World, idp: Idp) -> Iterator[None]:
    """The gateway still answers, and logged no failure and no line that is not its own."""
    log = rollcall.folder / "gateway-a.log"
    before = log.stat().st_size
    yield
    assert idp.http.get("Users", params={"count": 1}).status_code == 200
    with log.open("rb") as lines:
        lines.seek(before)
        events = [json.loads(line)["event"] for line in lines]
    assert "a request failed" not in events
