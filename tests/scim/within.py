"""The door's own parts in the test's process, on the Kafka and Postgres of a running Rollcall."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


@asynccontextmanager
async def storage_of(world: World, idp: Idp) -> AsyncIterator[DirectoryStorage]:
    """The storage of an IdP's directory, for as long as the test's event loop runs."""
    connections = Connections(world.settings)
    publisher = Publisher(world.settings, world.installation)
    outcomes = Outcomes(world.settings)
    await connections.open()
    publisher.start()
    outcomes.start()
    try:
        await outcomes.until_ready()
        bearer = await Tokens(connections).bearer([idp.http.headers["Authorization"]])
        reading = Reading(connections, bearer, Revisions(), lambda: False)
        deadline = asyncio.get_running_loop().time() + 120
        writing = Writing(GivenUp(connections), publisher, outcomes, bearer, deadline)
        redactor = Redactor(world.settings.require_redaction_key())
        writes = Writes(bearer, reading, writing, redactor)
        yield DirectoryStorage(
            provider_for(bearer.own_attributes), reading, writes, world.settings.url
        )
    finally:
        await outcomes.close()
        await publisher.close()
        await connections.close()
