"""Who is whom by an administrator's word: ties between directory users and members."""

from pydantic import BaseModel
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.parameters import Body, DirectoryId, Id, MemberId, TenantId
from schemas.settings_changes import LinkMember, UnlinkMember


class NewLink(Body):
    """Who of the directory is the member."""

    user_id: Id
    """The directory user's id, as `users` of a member name it."""


class Link(BaseModel):
    """A tie that was made or ended."""

    member_id: str
    directory_id: str
    user_id: str | None = None


class Links:
    """The URLs that say who of a directory is a member."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def link(
        self, tenant_id: TenantId, member_id: MemberId, directory_id: DirectoryId, body: NewLink
    ) -> JSONResponse:
        """Say that somebody of a directory is this member; whose they were before lets go."""
        change = LinkMember(
            tenant_id=tenant_id,
            member_id=member_id,
            directory_id=directory_id,
            user_id=body.user_id,
            **asked_now(),
        )
        return await self._changes.settle(change)

    async def unlink(
        self, tenant_id: TenantId, member_id: MemberId, directory_id: DirectoryId
    ) -> JSONResponse:
        """End that a directory speaks for this member, who keeps their access as a manual one."""
        change = UnlinkMember(
            tenant_id=tenant_id, member_id=member_id, directory_id=directory_id, **asked_now()
        )
        return await self._changes.settle(change)
