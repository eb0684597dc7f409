"""SCIM's operations as scim2-server serves them, where ours go another way.

PUT keeps what it leaves out (access-rules §2), members of groups are deltas, and what was built on
something older than what is known is built again.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from scim2_models import PatchOp, Resource, ResourceType
from scim2_server.conditions import Conditions
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation
from scim2_server.service import ScimService
from typing_extensions import override

from ingest.scim import documents
from ingest.scim.errors import StaleError
from ingest.scim.members import MemberDeltas, deltas_of, names_active
from ingest.scim.resources import is_group
from ingest.scim.storage import DirectoryStorage

Answer = TypeVar("Answer")


class Handler(AsyncScimHandler):
    """Serves one request."""

    def __init__(self, service: ScimService, storage: DirectoryStorage) -> None:
        super().__init__(service, storage)
        self._directory = storage

    @override
    async def replace(self, request: ScimRequest) -> ScimResponse:
        """PUT: the resource as it is sent, but for what it leaves out and we keep."""
        service = self.service
        with service.provider:
            target = service.route(request, Operation.replace)
            assert target.endpoint is not None
            assert target.resource_id is not None
            resource_type = service.resource_type_at(target.endpoint)
            parameters = service.read_response_parameters(resource_type, request.query)
            content_type = request.header("Content-Type")
            conditions = service.read_conditions(request)
            resource_id = target.resource_id

            async def attempt() -> Resource[Any]:
                replacement = service.read_replacement(resource_type, request.body, content_type)
                return await self._replaced(resource_type, resource_id, replacement, conditions)

            resource = await _settled(attempt, conditions)
            return service.replacement_response(request.base_url, resource, parameters)

    @override
    async def replace_resource(
        self,
        resource_type: ResourceType,
        current: Resource[Any],
        replacement: Resource[Any],
        conditions: Conditions,
    ) -> Resource[Any]:
        """A PUT within a bulk request."""
        assert current.id is not None
        resource_id = current.id

        async def attempt() -> Resource[Any]:
            again = replacement.model_copy(deep=True)
            return await self._replaced(resource_type, resource_id, again, conditions)

        return await _settled(attempt, conditions)

    @override
    async def patch_resource(
        self,
        resource_type: ResourceType,
        resource_id: str,
        patch_op: "PatchOp[Any]",
        conditions: Conditions,
    ) -> Resource[Any]:
        """PATCH: only what it names is written."""
        patched = self._patched_group if is_group(resource_type) else self._patched_user

        async def attempt() -> Resource[Any]:
            return await patched(resource_type, resource_id, patch_op, conditions)

        return await _settled(attempt, conditions)

    @override
    async def delete_resource(
        self, resource_type: ResourceType, resource_id: str, conditions: Conditions
    ) -> None:
        """DELETE."""

        async def attempt() -> None:
            found = await self._directory.find(resource_type, resource_id)
            current = self._directory.resource_of(resource_type, found)
            self.service.check_deletion(current, conditions)
            if is_group(resource_type):
                await self._directory.writes.delete_group(found, exact=_is_exact(conditions))
            else:
                await self._directory.writes.delete_user(found)

        await _settled(attempt, conditions)

    async def _replaced(
        self,
        resource_type: ResourceType,
        resource_id: str,
        replacement: Resource[Any],
        conditions: Conditions,
    ) -> Resource[Any]:
        found = await self._directory.find(resource_type, resource_id)
        current = self._directory.resource_of(resource_type, found)
        writes = self._directory.writes
        if is_group(resource_type):
            members = getattr(replacement, "members", None)
            wanted = None if members is None else set(documents.member_ids(replacement))
            replacement.members = None  # type: ignore[attr-defined] # of the model of groups
            self.service.apply_replacement(current, replacement, conditions)
            exact = _is_exact(conditions)
            base = await writes.change_group(replacement, found, exact=exact)
            if wanted is not None:
                await writes.replace_members(found, base, wanted, exact=exact)
        else:
            says_active = getattr(replacement, "active", None) is not None
            if not says_active:
                replacement.active = getattr(current, "active", None)  # type: ignore[attr-defined] # of users
            self.service.apply_replacement(current, replacement, conditions)
            await writes.change_user(replacement, found, says_active=says_active)
        return await self._directory.get(resource_type, resource_id)

    async def _patched_user(
        self,
        resource_type: ResourceType,
        resource_id: str,
        patch_op: "PatchOp[Any]",
        conditions: Conditions,
    ) -> Resource[Any]:
        found = await self._directory.find(resource_type, resource_id)
        resource = self._directory.resource_of(resource_type, found)
        self.service.apply_patch(resource, patch_op, conditions)  # in place
        says_active = names_active(patch_op)
        await self._directory.writes.change_user(resource, found, says_active=says_active)
        return await self._directory.get(resource_type, resource_id)

    async def _patched_group(
        self,
        resource_type: ResourceType,
        resource_id: str,
        patch_op: "PatchOp[Any]",
        conditions: Conditions,
    ) -> Resource[Any]:
        """Members that are named cost as much in a large group as in a small one."""
        found = await self._directory.find(resource_type, resource_id)
        resource = self._directory.resource_of(resource_type, found)
        exact, writes = _is_exact(conditions), self._directory.writes
        split = deltas_of(patch_op)
        if split is None:  # it speaks of all members, or of those of some kind
            whole = await self._directory.get(resource_type, resource_id)
            self.service.apply_patch(whole, patch_op, conditions)
            wanted = set(documents.member_ids(whole))
            base = await writes.change_group(whole, found, exact=exact)
            await writes.replace_members(found, base, wanted, exact=exact)
            return await self._answered(resource_type, resource_id)
        rest, members = split
        self.service.check_preconditions(resource, "PATCH", conditions)
        if rest is not None:
            rest.patch(resource)
        base = await writes.change_group(resource, found, exact=exact)
        await self._write_members(resource_id, max(base, found.base), members, exact=exact)
        return await self._answered(resource_type, resource_id)

    async def _write_members(
        self, group_id: str, base: int, members: MemberDeltas, *, exact: bool
    ) -> None:
        await self._directory.writes.change_members(
            group_id, base, added=members.added, removed=members.removed, exact=exact
        )

    async def _answered(self, resource_type: ResourceType, resource_id: str) -> Resource[Any]:
        """The group as it stands now, with its members if they are few."""
        return await self._directory.small_group(resource_type, resource_id)


async def _settled(attempt: Callable[[], Awaitable[Answer]], conditions: Conditions) -> Answer:
    """Try again on what is known now, until it is done, refused, or given up for its deadline.

    A client that named a version (If-Match) is told instead that there is a newer one.
    """
    while True:
        try:
            return await attempt()
        except StaleError:
            if _is_exact(conditions):
                raise


def _is_exact(conditions: Conditions) -> bool:
    return bool(conditions.if_match and conditions.if_match.strip() != "*")
