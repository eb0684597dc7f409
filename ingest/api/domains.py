"""Domains of email addresses: by those that are a tenant's own people are found by email."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from ingest import domains
from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, TenantId
from ingest.database import Database
from ingest.refusals import InvalidRequestError, RefusedError
from ingest.resolver import Resolver
from schemas.manual import Proof
from schemas.positions import Installation
from schemas.scim_models import domain as domain_table
from schemas.settings import Settings
from schemas.settings_changes import RemoveDomain, SetDomain

DomainName = Annotated[
    str, Path(description="The part of addresses after `@`."), AfterValidator(domains.normalised)
]


class NotPublishedError(RefusedError):
    """A domain whose record is not in DNS, or is another tenant's."""

    status = 409
    code = "not_published"

    def __init__(self, record: domains.Record) -> None:
        super().__init__(
            f"Publish a TXT record with the name {record.name} and the value {record.value}, then"
            " ask again: until DNS servers have it, minutes may pass."
        )


class DomainProof(Body):
    """How it is known that a domain is the tenant's."""

    proof: Literal["dns", "vouched"]
    """`dns`: its owner published the record.  `vouched`: you say so, and the audit log tells it."""


class SettledDomain(BaseModel):
    """A domain that was verified, or is no longer."""

    domain: str
    proof: Proof | None
    """None: it is no longer."""


class VerifiedDomain(BaseModel):
    """A domain as it stands."""

    domain: str
    proof: Proof
    recorded_at: datetime


class DomainList(BaseModel):
    """A tenant's verified domains, sorted by name."""

    domains: list[VerifiedDomain]


class Domains:
    """The URLs about domains."""

    def __init__(
        self, database: Database, changes: Changes, settings: Settings, installation: Installation
    ) -> None:
        self._database = database
        self._changes = changes
        self._settings = settings
        self._installation = installation
        self._resolver = Resolver(settings)

    async def verify(
        self, tenant_id: TenantId, domain: DomainName, body: DomainProof
    ) -> JSONResponse:
        """Make a domain the tenant's own; people who waited for that are linked.

        409 `not_published` says which record to publish; 503 `dns_unavailable`, that DNS is away.
        """
        try:
            domains.require_own(domain)
        except domains.DomainError as error:
            raise InvalidRequestError(f"domain: {error}") from None
        if body.proof == "dns":
            await run_in_threadpool(self._database.require_tenant, tenant_id)
            await self._require_record(tenant_id, domain)
        change = SetDomain(tenant_id=tenant_id, domain=domain, proof=body.proof, **asked_now())
        return await self._changes.settle(change)

    async def _require_record(self, tenant_id: str, domain: str) -> None:
        record = domains.record_of(domain, tenant_id, self._settings, self._installation)
        if record.value not in await self._resolver.texts(record.name):
            raise NotPublishedError(record)

    async def remove(self, tenant_id: TenantId, domain: DomainName) -> JSONResponse:
        """Say that a domain is the tenant's own no longer; who is linked stays so."""
        change = RemoveDomain(tenant_id=tenant_id, domain=domain, **asked_now())
        return await self._changes.settle(change)

    def every(self, tenant_id: TenantId) -> DomainList:
        """List a tenant's verified domains."""
        columns = domain_table.c
        query = (
            select(columns.domain, columns.proof, columns.recorded_at)
            .where(columns.tenant_id == tenant_id)
            .order_by(columns.domain)
        )
        with self._database.tenant(tenant_id) as connection:
            rows = connection.execute(query).mappings()
            return DomainList(domains=[VerifiedDomain(**row) for row in rows])
