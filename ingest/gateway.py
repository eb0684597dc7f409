"""Every URL on one screen, and what answers it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from ingest.answers import HANDLERS, Answering, Problem
from ingest.api.audit import Audit
from ingest.api.authentication import Authentication
from ingest.api.changes import Changes
from ingest.api.dead_letters import DeadLetters, Dropped
from ingest.api.directories import Directories, Directory
from ingest.api.domains import Domains, SettledDomain
from ingest.api.groups import Groups
from ingest.api.links import Link, Links
from ingest.api.mappings import Mappings, SettledMapping
from ingest.api.members import Members
from ingest.api.policies import Policies, Ruled
from ingest.api.product_members import ProductMembers, RemovedMember, SettledMember
from ingest.api.replacements import Replacements
from ingest.api.roles import Roles, SettledRole
from ingest.api.sessions import Sessions
from ingest.api.tenants import Tenant, Tenants
from ingest.api.tokens import ShownToken, Token, Tokens
from ingest.api.workspaces import Workspace, Workspaces
from ingest.assignments import Assignments
from ingest.bodies import BodyLimit
from ingest.connections import Connections
from ingest.database import Database
from ingest.directories import DirectoryOwners
from ingest.measuring import Measuring
from ingest.outcomes import Outcomes
from ingest.publisher import Publisher
from ingest.redaction import Redactor
from ingest.replays import Replays
from ingest.scim.app import ScimDoor
from ingest.server import Server
from ingest.tracing import Tracing
from ingest.workos.webhook import WorkosWebhook
from schemas import limits
from schemas.health import Health
from schemas.positions import Installation
from schemas.settings import Settings

WORKOS = "/api/webhooks/workos"
TENANT = "/tenants/{tenant_id}"


class Gateway:
    """All that the doors share."""

    def __init__(self, settings: Settings, installation: Installation) -> None:
        """Put the parts together; nothing is connected before the application starts.

        Raises:
            SettingsError: the admin token, the redaction key, Kafka or the database is not set.
        """
        self.settings = settings
        self.installation = installation
        self.database = Database(settings)
        self.connections = Connections(settings)
        self.publisher = Publisher(settings, installation)
        self.outcomes = Outcomes(settings)
        self.owners = DirectoryOwners(self.database)
        self.assignments = Assignments(self.database, self.publisher)
        self.app = self._app(settings.require_admin_token())

    def _app(self, token: str) -> Starlette:
        redactor = Redactor(self.settings.require_redaction_key())
        parts = (self.connections, self.publisher, self.outcomes)
        scim = ScimDoor(self.settings, *parts, redactor)
        webhook = WorkosWebhook(self.settings, self.publisher, self.owners, redactor)
        app = Starlette(
            routes=[
                Route(WORKOS, webhook),
                Mount("/api", app=self._api(token)),
                Mount("/scim", app=scim),
            ],
            middleware=[
                Middleware(Measuring, doors={WORKOS}),
                Middleware(Answering),
                Middleware(Tracing),
            ],
            exception_handlers=HANDLERS,
            lifespan=self._lifespan,
        )
        app.router.redirect_slashes = False  # whoever has no token learns nothing of paths
        return app

    def _api(self, token: str) -> FastAPI:
        api = FastAPI(
            title="Rollcall admin API",
            docs_url=None,  # its page loads scripts from elsewhere
            redoc_url=None,
            redirect_slashes=False,
            responses={status: {"model": Problem} for status in (401, 404, 409, 413, 422, 503)},
            dependencies=[Security(HTTPBearer(auto_error=False))],  # tells OpenAPI, checks nothing
            middleware=[
                Middleware(Answering),
                Middleware(Authentication, token=token),
                Middleware(BodyLimit, limit=limits.API_BODY),
            ],
            exception_handlers=HANDLERS,
        )
        changes = Changes(self.database, self.publisher, self.outcomes)
        self._settings_urls(api, changes)
        self._looking_urls(api, changes)
        return api

    def _settings_urls(self, api: FastAPI, changes: Changes) -> None:
        """What administrators of the product set."""
        tenants = Tenants(self.database, changes)
        roles = Roles(self.database, changes)
        workspaces = Workspaces(self.database, changes)
        directories = Directories(self.database, changes, self.owners, self.assignments)
        tokens = Tokens(self.database, changes)
        policies = Policies(self.database, changes)
        mappings = Mappings(self.database, changes)
        directory = TENANT + "/directories/{directory_id}"
        mapping = directory + "/mappings/{group_id}"
        api.post("/tenants", status_code=201, response_model=Tenant)(tenants.create)
        api.get("/tenants")(tenants.every)
        api.put(TENANT + "/policy", response_model=Tenant)(policies.set)
        api.get(TENANT + "/holds")(policies.holds)
        api.put(TENANT + "/holds/{member_id}", response_model=Ruled)(policies.rule)
        api.put(TENANT + "/roles/{slug}", response_model=SettledRole)(roles.set)
        api.get(TENANT + "/roles")(roles.every)
        api.post(TENANT + "/workspaces", status_code=201, response_model=Workspace)(
            workspaces.create
        )
        api.get(TENANT + "/workspaces")(workspaces.every)
        api.post(TENANT + "/directories", status_code=201, response_model=Directory)(
            directories.create
        )
        api.get(TENANT + "/directories")(directories.every)
        api.put(directory, response_model=Directory)(directories.set)
        api.delete(directory, response_model=Directory)(directories.disconnect)
        api.get(directory + "/warnings")(directories.warnings)
        api.get(directory + "/groups")(Groups(self.database).page)
        replacements = Replacements(self.database, changes)
        api.get(directory + "/comparison")(replacements.compare)
        api.post(directory + "/switch", response_model=Directory)(replacements.switch)
        api.post(directory + "/tokens", status_code=201, response_model=ShownToken)(tokens.create)
        api.get(directory + "/tokens")(tokens.every)
        api.delete(directory + "/tokens/{token_id}", response_model=Token)(tokens.revoke)
        api.put(mapping, response_model=SettledMapping)(mappings.set)
        api.get(TENANT + "/mappings")(mappings.every)
        self._people_urls(api, changes)

    def _people_urls(self, api: FastAPI, changes: Changes) -> None:
        """What the product says of its own members, and whose addresses are a tenant's own."""
        theirs, links = ProductMembers(changes), Links(changes)
        product_member = TENANT + "/members/{product_id}"
        link = TENANT + "/members/{member_id}/links/{directory_id}"
        api.post(TENANT + "/members")(theirs.add)
        api.put(product_member, response_model=SettledMember)(theirs.set)
        api.delete(product_member, response_model=RemovedMember)(theirs.remove)
        api.put(link, response_model=Link)(links.link)
        api.delete(link, response_model=Link)(links.unlink)
        domains = Domains(self.database, changes, self.settings, self.installation)
        domain = TENANT + "/domains/{domain}"
        api.get(TENANT + "/domains")(domains.every)
        api.put(domain, response_model=SettledDomain)(domains.verify)
        api.delete(domain, response_model=SettledDomain)(domains.remove)

    def _looking_urls(self, api: FastAPI, changes: Changes) -> None:
        """What became of it: people, the audit log, dead letters."""
        members = Members(self.database)
        sessions = Sessions(self.database)
        audit = Audit(self.database)
        replays = Replays(self.settings, self.database, self.publisher, self.assignments)
        letters = DeadLetters(self.database, changes, replays)
        member = TENANT + "/members/{member_id}"
        letter = "/dead-letters/{letter_id}"
        api.get(TENANT + "/members")(members.page)
        api.get(member)(members.show)
        api.post(member + "/sessions", status_code=201)(sessions.open)
        api.get(member + "/sessions")(sessions.valid)
        api.post(member + "/api-keys", status_code=201)(sessions.make_key)
        api.get(member + "/api-keys")(sessions.keys)
        api.get(TENANT + "/audit")(audit.page)
        api.get("/dead-letters")(letters.page)
        api.get(letter)(letters.show)
        api.post(letter + "/replay", status_code=202)(letters.replay)
        api.post(letter + "/drop", response_model=Dropped)(letters.drop)

    def why_not_ready(self) -> str | None:
        """Why requests cannot be answered just now; None while they can."""
        if not self.publisher.ready:
            return "The Kafka producer failed and is being made anew."
        if not self.outcomes.ready:
            return "The database is away: outcomes cannot be heard."
        return None

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.publisher.start()
        await self.connections.open()
        self.outcomes.start()
        self.assignments.start()
        try:
            yield
        finally:
            await self.assignments.close()
            await self.outcomes.close()
            await self.publisher.close()
            await self.connections.close()
            self.database.close()


def run(
    settings: Settings, installation: Installation, ready: Callable[[int], None], health: Health
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: host and port among them; port 0 takes a free one.
        installation: what `topics create` fixed.
        ready: called once with the port, when requests are served and outcomes are heard.
        health: learns why requests cannot be answered.

    Raises:
        SettingsError: a setting is missing, or the address is taken.
    """
    gateway = Gateway(settings, installation)
    server = Server(gateway.app, settings, gateway.outcomes.until_ready, ready)
    health.why_not_ready = lambda: gateway.why_not_ready() or server.why_not_ready()
    server.serve_until_stopped()
