"""How Hypothesis searches: the same 200 examples in every run, or new ones with `fuzz`.

`pytest tests/core --hypothesis-profile=fuzz` explores; each find becomes an explicit example.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings

for module in ("scenario", "partition", "folding"):
    pytest.register_assert_rewrite(f"tests.core.{module}")

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "check",
    derandomize=True,
    database=None,
    max_examples=200,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],  # explaining outlasts the timeout
)
settings.register_profile("fuzz", max_examples=2_000, deadline=None, suppress_health_check=_SLOW)


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("check")
