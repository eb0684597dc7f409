"""A whole simulation: probe, sync, sync again, and then a life."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager

from msgspec import Struct

from deploy.cli.errors import CommandError
from deploy.simulate.checking import differences
from deploy.simulate.company import Company, founded
from deploy.simulate.life import life
from deploy.simulate.providers import Idp, Target, connected
from deploy.simulate.report import Phase, Report
from deploy.simulate.scim import ScimIdp

Watch = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Shows how much of a named phase is done, and of how much."""


class Plan(Struct, frozen=True, kw_only=True):
    """What is simulated."""

    provider: str
    seed: int
    """Another one gives another company."""
    people: int
    """How many there are on the first day."""
    groups: int
    """How many there are on the first day."""
    lives: bool
    """Whether the company lives on after the second sync."""
    at_once: int | None = None
    """Requests at once; None: as many as the provider is known to send."""


class Simulation:
    """An IdP and the company that it pushes, from one truth to the next."""

    def __init__(self, idp: Idp, report: Report, watch: Watch) -> None:
        self.idp = idp
        self.report = report
        self._watch = watch

    async def probe(self) -> None:
        """Test the connection.

        Raises:
            CommandError: nothing in what came back looks like a server that speaks JSON.
        """
        async with self._phase("test of the connection"):
            await self.idp.probe()
        if not self.idp.wire.understood:
            said = [each.example for each in self.report.surprises][:1]
            raise CommandError(
                f"At {self.idp.wire.url} nothing answers as it should, so it is another server or"
                f" not the whole URL: check --url. {''.join(said)}"
            )

    async def sync(self, name: str, truth: Company) -> Phase:
        """Bring the target to the truth."""
        async with self._phase(name) as phase:
            await self.idp.sync(truth)
        return phase

    async def arrive(self, company: Company) -> None:
        """A first sync, and a second one, which must find that nothing is to be done."""
        await self.sync("first sync", company)
        second = await self.sync("second sync", company)
        if second.writes:
            what = f"had to write {second.writes} times, though nothing had changed"
            self.report.surprise(second.name, what)

    async def check(self, idp: ScimIdp, truth: Company) -> None:
        """Read everything back, as no provider does, and compare it with the truth."""
        async with self._phase("reading back"):
            for kind, what in await differences(idp, truth):
                self.report.surprise(kind, what)

    @asynccontextmanager
    async def _phase(self, name: str) -> AsyncIterator[Phase]:
        phase = self.report.begin(name)
        begun = time.perf_counter()
        with self._watch(name) as self.idp.wire.on_progress:
            try:
                yield phase
            finally:
                phase.seconds = time.perf_counter() - begun


async def carry_out(plan: Plan, target: Target, report: Report, watch: Watch) -> None:
    """All of a plan; the report has what happened so far, however it ends.

    Raises:
        CommandError: the target is not there, or refuses the token.
    """
    opened = connected(plan.provider, target, report, seed=plan.seed, at_once=plan.at_once)
    async with opened as idp:
        simulation = Simulation(idp, report, watch)
        company = founded(plan.seed, plan.people, plan.groups)
        await simulation.probe()
        await simulation.arrive(company)
        for name, truth in life(company, plan.seed) if plan.lives else ():
            await simulation.sync(name, company := truth)
        if isinstance(idp, ScimIdp):
            await simulation.check(idp, company)
