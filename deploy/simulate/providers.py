"""Who can be simulated, and how each one is connected."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx2
from msgspec import Struct

from deploy.cli.errors import CommandError
from deploy.simulate.entra import Entra
from deploy.simulate.generic import Generic, Rippling
from deploy.simulate.jumpcloud import JumpCloud
from deploy.simulate.okta import Okta, OktaWizard
from deploy.simulate.onelogin import OneLogin
from deploy.simulate.pingone import PingOne
from deploy.simulate.report import Report
from deploy.simulate.scim import AT_ONCE, ScimIdp
from deploy.simulate.wire import ANSWER_SECONDS, Wire

SCIM: Final[Mapping[str, type[ScimIdp]]] = {
    each.NAME: each
    for each in (Okta, OktaWizard, Entra, OneLogin, JumpCloud, PingOne, Rippling, Generic)
}
"""By the name that `rollcall simulate` takes."""

NAMES: Final = (*SCIM,)
"""All that can be simulated."""

Idp = ScimIdp


class Target(Struct, frozen=True, kw_only=True):
    """Where the IdP writes to."""

    url: str
    """The SCIM base URL, or that of the endpoint for webhooks."""
    secret: str
    """The token of the SCIM directory, or the secret that webhooks are signed with."""
    directory_id: str = ""
    """Of a WorkOS directory."""


@asynccontextmanager
async def connected(
    provider: str, target: Target, report: Report, at_once: int | None = None
) -> AsyncIterator[Idp]:
    """An IdP that has pushed nothing yet.

    Raises:
        CommandError: the URL is none.
    """
    kind = SCIM[provider]
    headers = {**kind.HEADERS, "Authorization": f"Bearer {target.secret}"}
    at_once = at_once or AT_ONCE
    # More connections than requests at once are never needed.
    bounds = httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    try:
        http = httpx2.AsyncClient(
            base_url=f"{target.url.rstrip('/')}/",
            headers=headers,
            timeout=ANSWER_SECONDS,
            limits=bounds,
        )
    except httpx2.InvalidURL as error:
        raise CommandError(f"{target.url} is no URL ({error}): check --url.") from error
    async with http:
        yield kind(
            Wire(
                http,
                report,
                unauthorised="the token is wrong, has ended, or is another directory's: make one"
                " with `rollcall token create`, and check --url.",
                at_once=at_once,
                not_repeated=kind.NOT_REPEATED,
            )
        )
