"""Who can be simulated, and how each one is connected."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from msgspec import Struct

from deploy.simulate.entra import Entra
from deploy.simulate.generic import Generic, Rippling
from deploy.simulate.jumpcloud import JumpCloud
from deploy.simulate.okta import Okta, OktaWizard
from deploy.simulate.onelogin import OneLogin
from deploy.simulate.pingone import PingOne
from deploy.simulate.report import Report
from deploy.simulate.scim import AT_ONCE, ScimIdp
from deploy.simulate.wire import Wire
from deploy.simulate.workos_directory import AT_ONCE as WEBHOOKS_AT_ONCE
from deploy.simulate.workos_directory import (
    Connection,
    WorkosDirectory,
    WorkosEntra,
    WorkosGoogle,
    WorkosOkta,
)

SCIM: Final[Mapping[str, type[ScimIdp]]] = {
    each.NAME: each
    for each in (Okta, OktaWizard, Entra, OneLogin, JumpCloud, PingOne, Rippling, Generic)
}
"""Those that write SCIM themselves, by the name that `rollcall simulate` takes."""

WORKOS: Final[Mapping[str, type[WorkosDirectory]]] = {
    each.NAME: each for each in (WorkosOkta, WorkosEntra, WorkosGoogle)
}
"""Those that write to WorkOS, which tells us."""

NAMES: Final = (*SCIM, *WORKOS)
"""All that can be simulated."""

Idp = ScimIdp | WorkosDirectory


class Target(Struct, frozen=True, kw_only=True):
    """Where the IdP writes to."""

    url: str
    """The SCIM base URL, or that of the endpoint for webhooks."""
    secret: str
    """The token of the SCIM directory, or the secret that webhooks are signed with."""
    directory_id: str = ""
    """The id at WorkOS, where it is a WorkOS directory."""


@asynccontextmanager
async def connected(
    provider: str, target: Target, report: Report, *, seed: int, at_once: int | None
) -> AsyncIterator[Idp]:
    """An IdP that has pushed nothing yet.

    Args:
        provider: one of `NAMES`.
        target: where to.
        report: takes the notes.
        seed: of ids that WorkOS makes, and of its disorder.
        at_once: requests at once; None: the provider's default.

    Raises:
        CommandError: the URL is none.
    """
    if provider in SCIM:
        kind = SCIM[provider]
        wire = Wire(
            report,
            unauthorised="the token is wrong, has ended, or is another directory's: make one with"
            " `rollcall token create`, and check --url.",
            at_once=at_once or AT_ONCE,
            not_repeated=kind.NOT_REPEATED,
        )
        headers = {**kind.HEADERS, "Authorization": f"Bearer {target.secret}"}
        async with wire.open(target.url, headers):
            yield kind(wire)
        return
    base, _, path = target.url.rstrip("/").rpartition("/")
    wire = Wire(
        report,
        unauthorised="the webhook secret is not one of the gateway's, or clocks differ: compare"
        " ROLLCALL_WORKOS_WEBHOOK_SECRETS, and run `rollcall doctor`.",
        at_once=at_once or WEBHOOKS_AT_ONCE,
    )
    connection = Connection(directory_id=target.directory_id, secret=target.secret, path=path)
    rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
    async with wire.open(base, {"Content-Type": "application/json"}):
        yield WORKOS[provider](wire, connection, rng)
