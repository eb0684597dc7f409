"""Each provider, as it is documented, against a running Rollcall."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest

from deploy.simulate.company import founded
from deploy.simulate.life import life
from deploy.simulate.providers import NAMES, Idp, connected
from deploy.simulate.report import Report
from deploy.simulate.run import Simulation
from deploy.simulate.scim import ScimIdp
from tests.harness import World
from tests.scim.idp import Admin
from tests.simulate.place import Place

SEED = 5
SILENT = {"onelogin", "jumpcloud", "pingone"}
"""Of whom it is not known that they ask anything where nothing changed."""


@pytest.mark.parametrize("provider", NAMES)
def test_rollcall_has_the_companys_truth_whatever_happens(
    rollcall: World, admin: Admin, provider: str
) -> None:
    report = Report()
    asyncio.run(lived(Place(rollcall, admin, provider), provider, report, people=10, groups=4))
    assert report.surprises == []


@pytest.mark.storm
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("provider", NAMES)
def test_a_company_of_two_thousand(rollcall: World, admin: Admin, provider: str) -> None:
    report = Report()
    asyncio.run(lived(Place(rollcall, admin, provider), provider, report, people=2_000, groups=20))
    for row in report.rows():
        print(row)
    assert report.surprises == []


async def lived(place: Place, provider: str, report: Report, *, people: int, groups: int) -> None:
    """Sync, sync again, and live; after each of it everything must be as the company has it."""
    truth = founded(SEED, people, groups)
    async with connected(provider, place.target, report, seed=SEED, at_once=None) as idp:
        simulation = Simulation(idp, report, unwatched)
        await simulation.probe()
        await simulation.sync("first sync", truth)
        seen, expected = place.end(idp, truth)
        assert seen == expected
        place.map_groups(idp, truth)
        seen, expected = place.end(idp, truth)
        assert seen == expected
        before = place.snapshot()
        second = await simulation.sync("second sync", truth)
        assert (second.requests > 0) is (provider not in SILENT)
        assert second.writes == 0
        assert place.snapshot() == before
        for name, now in life(truth, SEED):
            await simulation.sync(name, now)
            if returns_late(idp):
                await simulation.sync("provisioning restarted", now)
            seen, expected = place.end(idp, now)
            assert seen == expected, name
        if isinstance(idp, ScimIdp):
            await simulation.check(idp, now)


def returns_late(idp: Idp) -> bool:
    return not isinstance(idp, ScimIdp) and idp.REJOINS_LATE


def unwatched(_: str) -> AbstractContextManager[Callable[[int, int], None]]:
    return nullcontext(lambda _, __: None)
