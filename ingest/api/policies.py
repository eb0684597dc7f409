"""What a tenant decides about its people: policy, and what is on hold because of it."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import select
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, Id, MemberId, TenantId, Text
from ingest.api.tenants import OwnAttribute
from ingest.database import Database
from schemas import limits, policy
from schemas.scim_models import hold
from schemas.settings_changes import RuleHold, SetPolicy


class PolicySettings(Body):
    """What to set; what is left out stays as it is."""

    sole_admin: policy.SoleAdmin | None = None
    breaker: policy.Breaker | None = None
    linked: policy.Linked | None = None
    own_attributes: list[OwnAttribute] | None = Field(None, max_length=limits.OWN_ATTRIBUTES)
    kept_as_sent: list[Text] | None = Field(None, max_length=limits.OWN_ATTRIBUTES)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("set sole_admin, breaker, linked, own_attributes or kept_as_sent")
        own = self.own_attributes or []
        if len({(each.schema_.lower(), each.name.lower()) for each in own}) < len(own):
            raise ValueError("name each of own_attributes once")
        return self


class Ruling(Body):
    """What becomes of a hold."""

    ruling: Literal["approve", "discard", "separate"]
    reason: policy.HoldReason | None = None
    """The reason that was shown; 409 if it is another one by now."""
    into: Id | None = None
    """To approve a `conflict` with several `rivals`: the member that it is."""


class Hold(BaseModel):
    """A member whose applied access lags behind what is desired."""

    member_id: str
    display_name: str
    reason: str
    discarded: bool
    desired: dict[str, Any]
    rivals: list[str]
    """Of a `conflict`: members whom the person may be; the member on hold is none yet."""
    recorded_at: datetime


class HoldList(BaseModel):
    """A tenant's holds, oldest first."""

    holds: list[Hold]


class Ruled(BaseModel):
    """A hold that was ruled about."""

    member_id: str
    ruling: str
    into: str | None = None


class Policies:
    """The URLs about policy and holds."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def set(self, tenant_id: TenantId, body: PolicySettings) -> JSONResponse:
        """Set the tenant's policy; its people are decided anew."""
        own = body.own_attributes
        change = SetPolicy(
            tenant_id=tenant_id,
            sole_admin=body.sole_admin,
            breaker=body.breaker,
            linked=body.linked,
            own_attributes=None
            if own is None
            else tuple(
                sorted(policy.OwnAttribute(each.schema_, each.name, each.type) for each in own)
            ),
            kept_as_sent=None if body.kept_as_sent is None else tuple(body.kept_as_sent),
            **asked_now(),
        )
        return await self._changes.settle(change)

    async def rule(self, tenant_id: TenantId, member_id: MemberId, body: Ruling) -> JSONResponse:
        """End a hold: apply what is desired, keep what is, or say who it is."""
        change = RuleHold(
            tenant_id=tenant_id,
            member_id=member_id,
            ruling=body.ruling,
            reason=body.reason,
            into=body.into,
            **asked_now(),
        )
        return await self._changes.settle(change)

    def holds(self, tenant_id: TenantId) -> HoldList:
        """List whose access is on hold, and why."""
        columns = hold.c
        query = (
            select(*(columns[name] for name in Hold.model_fields))
            .where(columns.tenant_id == tenant_id)
            .order_by(columns.recorded_at, columns.member_id)
            .limit(limits.PAGE)
        )
        with self._database.tenant(tenant_id) as connection:
            rows = connection.execute(query).mappings()
            return HoldList(holds=[Hold(**row) for row in rows])
