"""What the fields and parameters of the admin API may hold; anything else is answered 422."""

from typing import Annotated, Final

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas import limits
from schemas.events import OPERATOR_TENANT

SLUG: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""Ids that an administrator chooses: tenant ids, roles, workspaces."""
WITHOUT_NUL: Final = r"^[^\x00]*$"
"""Postgres cannot hold NUL, and it separates the parts of a state key."""

Slug = Annotated[str, StringConstraints(pattern=SLUG)]
Id = Annotated[
    str, StringConstraints(min_length=1, max_length=limits.ID_LENGTH, pattern=WITHOUT_NUL)
]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=limits.TEXT_LENGTH, pattern=WITHOUT_NUL)
]

TenantId = Annotated[Slug, Path(description="The tenant's id.")]
AuditedId = Annotated[
    str,
    StringConstraints(pattern=f"{SLUG}|^{OPERATOR_TENANT}$"),
    Path(description=f"The tenant's id; {OPERATOR_TENANT} for what operators did."),
]
RoleSlug = Annotated[Slug, Path(description="The role's slug.")]
DirectoryId = Annotated[Id, Path(description="The directory's id, at WorkOS or ours.")]
GroupId = Annotated[Id, Path(description="The group's id, at WorkOS or by SCIM.")]
MemberId = Annotated[Id, Path(description="The member's id.")]
Limit = Annotated[int, Field(ge=1, le=limits.PAGE, description="Rows in the page.")]


class Body(BaseModel):
    """A request's body: every field of its exact type, and no field that we do not know."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Filters(BaseModel):
    """A list's query: a parameter that we do not know is refused, else a typo would show all."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = limits.PAGE
