"""One tenant for the tests of an IdP; for each a directory of its provider, with its own token."""

from collections.abc import Iterator

import pytest

from tests.harness import World
from tests.scim.idp import Admin, Idp, administering


@pytest.fixture(scope="module")
def company(rollcall: World) -> Iterator[Admin]:
    """A tenant with several directories."""
    with administering(rollcall) as admin:
        yield admin


@pytest.fixture
def idp(company: Admin, request: pytest.FixtureRequest) -> Iterator[Idp]:
    """The IdP that a module is about: its `PROVIDER`."""
    with company.idp(request.module.PROVIDER) as idp:
        yield idp
