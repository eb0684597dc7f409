"""`pytest tests/schemas --rewrite-golden` writes the golden payloads anew; nobody edits them."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden", action="store_true", help="write tests/golden anew, to be reviewed"
    )


@pytest.fixture
def rewrites_golden(request: pytest.FixtureRequest) -> bool:
    """Absent where this file was loaded after the command line was read: in a run of all tests."""
    return bool(request.config.getoption("--rewrite-golden", default=False))
