"""The product's own members: who they are, what it grants them, whom it shuts out."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.mappings import GrantedWorkspace
from ingest.api.parameters import WITHOUT_NUL, Body, Id, Slug, TenantId
from schemas import limits
from schemas.access import WorkspaceGrant
from schemas.changes import Page, is_urgent
from schemas.manual import Manual, Matched
from schemas.settings_changes import RemoveProductMember, SetProductMember

Email = Annotated[
    str,
    StringConstraints(max_length=limits.EMAIL_LENGTH, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$"),
]
ProductId = Annotated[Id, Path(description="The product's own id of the person.")]
AnyText = Annotated[
    str,
    StringConstraints(max_length=limits.TEXT_LENGTH, pattern=WITHOUT_NUL, strip_whitespace=True),
]


class ProductMember(Body):
    """How a member of the product stands; what is left out is not known or not granted."""

    member_id: Id | None = None
    """Whom Rollcall told the product of under this id; else the person is found, or made."""
    email: Email | None = None
    display_name: AnyText = ""
    external_id: Id | None = None
    """The person's id at the IdP, if the product knows it: the surest way to link."""
    role: Slug | None = None
    workspaces: tuple[GrantedWorkspace, ...] = Field(
        (), max_length=limits.WORKSPACES_PER_MAPPING, strict=False
    )
    standing: Literal["active", "suspended"] = "active"
    """`suspended`: no access, whatever directories say."""
    joined_at: Annotated[AwareDatetime | None, Field(strict=False)] = None
    protected: bool = False
    """No directory moves the access or the profile of this member."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({grant.workspace for grant in self.workspaces}) < len(self.workspaces):
            raise ValueError("name each workspace once")
        return self


class ImportedMember(ProductMember):
    """One of many members of the product."""

    product_id: Id


class Imported(Body):
    """Members of the product, each once."""

    members: Annotated[list[ImportedMember], Field(min_length=1, max_length=limits.PAGE_CHANGES)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({each.product_id for each in self.members}) < len(self.members):
            raise ValueError("name each product_id once")
        return self


class SettledMember(BaseModel):
    """What became of what the product said."""

    product_id: str
    member_id: str
    outcome: Literal["created", "linked", "updated", "unchanged"]
    """`linked`: it is somebody whom a directory reported before."""
    matched_by: Matched | None
    linked: bool
    """Whether a directory speaks for this member."""
    may_be: list[str]
    """Members whom it may be too: link them by hand, or leave them apart."""


class RemovedMember(BaseModel):
    """Somebody whom the product has no longer."""

    product_id: str
    member_id: str
    standing: str


class ImportedResult(BaseModel):
    """What became of one of many: its answer, or why it was refused."""

    product_id: str
    status: int
    answer: dict[str, Any]


class ImportedResults(BaseModel):
    """What became of each, in the order in which they were sent."""

    results: list[ImportedResult]


class ProductMembers:
    """The URLs by which the product tells of its own members."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def set(
        self, tenant_id: TenantId, product_id: ProductId, body: ProductMember
    ) -> JSONResponse:
        """Say how a member of the product stands: the whole of it, each time."""
        return await self._changes.settle(_change(tenant_id, product_id, body))

    async def remove(self, tenant_id: TenantId, product_id: ProductId) -> JSONResponse:
        """Say that the product has somebody no longer: no directory gives them access again."""
        change = RemoveProductMember(tenant_id=tenant_id, product_id=product_id, **asked_now())
        return await self._changes.settle(change)

    async def add(self, tenant_id: TenantId, body: Imported) -> ImportedResults:
        """Say it of many at once; each is decided, and answered, by itself."""
        made = [_change(tenant_id, each.product_id, each) for each in body.members]
        settled = await self._changes.settle_all(tenant_id, _messages(tenant_id, made), made)
        return ImportedResults(
            results=[
                ImportedResult(
                    product_id=change.product_id, status=outcome.status, answer=outcome.body
                )
                for change, outcome in zip(made, settled, strict=True)
            ]
        )


def _messages(tenant_id: str, made: list[SetProductMember]) -> list[SetProductMember | Page]:
    """A page of all who are let in, and by the urgent lane whoever is not."""
    calm = tuple(change for change in made if not is_urgent(change))
    urgent: list[SetProductMember | Page] = [change for change in made if is_urgent(change)]
    if not calm:
        return urgent
    page_id = str(uuid.uuid4())
    page = Page(
        change_id=page_id, tenant_id=tenant_id, recorded_at=calm[0].recorded_at, changes=calm
    )
    return [page, *urgent]


def _change(tenant_id: str, product_id: str, body: ProductMember) -> SetProductMember:
    grants = (WorkspaceGrant(grant.workspace, grant.role) for grant in body.workspaces)
    joined_at: datetime | None = body.joined_at
    manual = Manual(
        standing=body.standing,
        role=body.role,
        workspaces=tuple(sorted(grants, key=lambda grant: grant.workspace)),
        email=body.email,
        display_name=body.display_name,
        external_id=body.external_id,
        joined_at=joined_at,
        protected=body.protected,
    )
    return SetProductMember(
        tenant_id=tenant_id,
        product_id=product_id,
        member_id=body.member_id,
        manual=manual,
        **asked_now(),
    )
