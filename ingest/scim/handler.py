"""SCIM's operations as scim2-server serves them, where ours go another way.

PUT keeps what it leaves out (access-rules §2), members of groups are deltas, and what was built on
something older than what is known is built again.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
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
from ingest.scim.members import deltas_of, names_active
from ingest.scim.reading import Found
from ingest.scim.resources import is_group
from ingest.scim.storage import DirectoryStorage
from ingest.scim.told import Told

Answer = TypeVar("Answer")


class Handler(AsyncScimHandler):
    """Serves one request."""

    def __init__(self, service: ScimService, storage: DirectoryStorage) -> None:
        super().__init__(service, storage)
        self._directory = storage

    @override
    async def query(self, request: ScimRequest) -> ScimResponse:
        """GET of one resource; what it has many of goes around the library's models."""
        response = await super().query(request)
        if isinstance(response.body, dict):
            response.body |= self._directory.aside
        return response

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
            replacement = service.read_replacement(resource_type, request.body, content_type)
            resource = await self._replaced(
                resource_type, target.resource_id, replacement, conditions
            )
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
        return await self._replaced(resource_type, current.id, replacement, conditions)

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
        told = Told(names_active=names_active(patch_op), whole=False)

        async def attempt() -> Resource[Any]:
            return await patched(resource_type, resource_id, patch_op, conditions, told)

        return await _settled(attempt)

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

        await _settled(attempt)

    async def _replaced(
        self,
        resource_type: ResourceType,
        resource_id: str,
        replacement: Resource[Any],
        conditions: Conditions,
    ) -> Resource[Any]:
        told = Told(names_active=getattr(replacement, "active", None) is not None, whole=True)
        replace = self._replaced_group if is_group(resource_type) else self._replaced_user

        async def attempt() -> Resource[Any]:
            again = replacement.model_copy(deep=True)
            found = await self._directory.find(resource_type, resource_id)
            current = self._directory.resource_of(resource_type, found)
            await replace(found, current, again, conditions, told)
            return await self._directory.get(resource_type, resource_id)

        return await _settled(attempt)

    async def _replaced_user(
        self,
        found: Found,
        current: Resource[Any],
        replacement: Resource[Any],
        conditions: Conditions,
        told: Told,
    ) -> None:
        if not told.names_active:
            documents.keep(replacement, "active", of=current)
        self.service.apply_replacement(current, replacement, conditions)
        await self._directory.writes.change_user(replacement, found, told)

    async def _replaced_group(
        self,
        found: Found,
        current: Resource[Any],
        replacement: Resource[Any],
        conditions: Conditions,
        told: Told,
    ) -> None:
        writes, exact = self._directory.writes, _is_exact(conditions)
        keeps_members = getattr(replacement, "members", None) is None
        wanted = set(documents.member_ids(replacement))
        documents.keep(replacement, "members", of=current)  # which was read without them
        self.service.apply_replacement(current, replacement, conditions)
        base = await writes.change_group(replacement, found, told, exact=exact)
        if not keeps_members:
            had = await self._directory.member_ids(found.id)
            await writes.replace_members(found, base, (had, wanted), told, exact=exact)

    async def _patched_user(
        self,
        resource_type: ResourceType,
        resource_id: str,
        patch_op: "PatchOp[Any]",
        conditions: Conditions,
        told: Told,
    ) -> Resource[Any]:
        found = await self._directory.find(resource_type, resource_id)
        resource = self._directory.resource_of(resource_type, found)
        self.service.apply_patch(resource, patch_op, conditions)  # in place
        await self._directory.writes.change_user(resource, found, told)
        return await self._directory.get(resource_type, resource_id)

    async def _patched_group(
        self,
        resource_type: ResourceType,
        resource_id: str,
        patch_op: "PatchOp[Any]",
        conditions: Conditions,
        told: Told,
    ) -> Resource[Any]:
        """Members that are named cost as much in a large group as in a small one."""
        found = await self._directory.find(resource_type, resource_id)
        exact, writes = _is_exact(conditions), self._directory.writes
        split = deltas_of(patch_op)
        if split is None:  # it speaks of all members, or of those of some kind
            whole = await self._directory.get(resource_type, resource_id)
            had = set(documents.member_ids(whole))
            self.service.apply_patch(whole, patch_op, conditions)
            members = had, set(documents.member_ids(whole))
            base = await writes.change_group(whole, found, told, exact=exact)
            await writes.replace_members(found, base, members, told, exact=exact)
        else:
            rest, deltas = split
            resource = self._directory.resource_of(resource_type, found)
            self.service.check_preconditions(resource, "PATCH", conditions)
            if rest is not None:
                rest.patch(resource)
            base = max(await writes.change_group(resource, found, told, exact=exact), found.base)
            await writes.change_members(
                found.id, base, added=deltas.added, removed=deltas.removed, exact=exact
            )
        return await self._directory.small_group(resource_type, resource_id)


async def _settled(attempt: Callable[[], Awaitable[Answer]]) -> Answer:
    """Try again on what is known now, until it is done, refused, or given up for its deadline.

    A client that named a version (If-Match) is told by the next try that there is a newer one.
    """
    while True:
        with suppress(StaleError):
            return await attempt()


def _is_exact(conditions: Conditions) -> bool:
    return bool(conditions.if_match and conditions.if_match.strip() != "*")
