"""The door's own parts in the test's process, on the Kafka and Postgres of a running Rollcall."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from ingest.connections import Connections
from ingest.outcomes import Outcomes
from ingest.publisher import Publisher
from ingest.redaction import Redactor
from ingest.scim.given_up import GivenUp
from ingest.scim.reading import Reading
from ingest.scim.resources import provider_for
from ingest.scim.revisions import Revisions
from ingest.scim.storage import DirectoryStorage
from ingest.scim.tokens import Tokens
from ingest.scim.writes import Writes
from ingest.scim.writing import Writing
from tests.harness import World
from tests.scim.idp import Idp


class Parts(NamedTuple):
    """What all requests of a gateway share."""

    connections: Connections
    publisher: Publisher
    outcomes: Outcomes


@asynccontextmanager
async def parts_of(world: World) -> AsyncIterator[Parts]:
    """The parts, running, for as long as the test's event loop runs."""
    parts = Parts(
        Connections(world.settings),
        Publisher(world.settings, world.installation),
        Outcomes(world.settings),
    )
    await parts.connections.open()
    parts.publisher.start()
    parts.outcomes.start()
    try:
        await parts.outcomes.until_ready()
        yield parts
    finally:
        await parts.outcomes.close()
        await parts.publisher.close()
        await parts.connections.close()


async def storage_of(world: World, parts: Parts, idp: Idp) -> DirectoryStorage:
    """The storage of an IdP's directory, as a request has it, with two minutes for all it does."""
    bearer = await Tokens(parts.connections).bearer([idp.http.headers["Authorization"]])
    reading = Reading(parts.connections, bearer, Revisions(), lambda: False)
    deadline = asyncio.get_running_loop().time() + 120
    given_up = GivenUp(parts.connections)
    writing = Writing(given_up, parts.publisher, parts.outcomes, bearer, deadline)
    redactor = Redactor(world.settings.require_redaction_key())
    writes = Writes(bearer, reading, writing, redactor)
    return DirectoryStorage(
        provider_for(bearer.own_attributes), reading, writes, world.settings.url
    )
