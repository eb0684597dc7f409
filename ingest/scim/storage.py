"""The resources of one directory, for one request: read from Postgres, written through Kafka."""

from typing import Any

from scim2_models import (
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimProvider,
    SearchRequest,
)
from scim2_server.storage import AsyncScimStorage, SearchPage
from typing_extensions import override

from ingest.scim import documents
from ingest.scim.projection import RELATED, is_whole, wants
from ingest.scim.reading import Found, Reading
from ingest.scim.resources import is_group, model_of
from ingest.scim.searching import Searching
from ingest.scim.told import Told
from ingest.scim.writes import Writes
from schemas import limits
from schemas.scim import Document


class DirectoryStorage(AsyncScimStorage):
    """What scim2-server reads and writes; its methods are steps of one request."""

    def __init__(
        self, provider: ScimProvider, reading: Reading, writes: Writes, base_url: str
    ) -> None:
        self._provider = provider
        self._reading = reading
        self._base_url = base_url
        self._searching = Searching(provider, reading, base_url)
        self.writes = writes
        self.aside: dict[str, list[Document]] = {}
        """Members or groups that were read and are so many that models of them would take long."""

    @override
    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """A resource with its members or groups, unless nobody asks for them."""
        found = await self.find(resource_type, resource_id)
        kind = str(resource_type.name)
        related = None
        if wants(response_parameters, RELATED[kind]):
            related = (await self._reading.related(kind, [resource_id])).get(resource_id)
        if related and len(related) > limits.SHOWN_MEMBERS and is_whole(response_parameters):
            entries = documents.entries_of(related, kind, self._base_url)
            self.aside, related = {RELATED[kind]: entries}, None
        model = model_of(self._provider, resource_type)
        return documents.resource_of(model, resource_type, found, related, self._base_url)

    async def find(self, resource_type: ResourceType, resource_id: str) -> Found:
        """A resource as it stands, without its members or groups.

        Raises:
            NotFoundException: it is not there.
        """
        found = await self._reading.one(str(resource_type.name), resource_id)
        if found is None:
            detail = f"There is no such {resource_type.name} in this directory: look it up again."
            raise NotFoundException(detail=detail)
        return found

    async def member_ids(self, group_id: str) -> set[str]:
        """The ids of a group's members."""
        return await self._reading.member_ids(group_id)

    async def small_group(self, resource_type: ResourceType, group_id: str) -> Resource[Any]:
        """A group with its members; without `members` if they are too many to be read for it.

        Raises:
            NotFoundException: it is not there.
        """
        found = await self.find(resource_type, group_id)
        most = limits.SHOWN_MEMBERS
        related = await self._reading.first_members(group_id, most + 1)
        resource = self.resource_of(resource_type, found)
        if len(related) > most:
            return resource
        model = model_of(self._provider, resource_type)
        shown = documents.resource_of(model, resource_type, found, related, self._base_url)
        if not related:
            shown.members = []  # type: ignore[attr-defined] # of the model of groups
        return shown

    def resource_of(self, resource_type: ResourceType, found: Found) -> Resource[Any]:
        """The resource that was found, without its members or groups."""
        model = model_of(self._provider, resource_type)
        return documents.resource_of(model, resource_type, found)

    @override
    async def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """One page of the resources that match, in a stable order."""
        del position  # there are no cursors
        return await self._searching.page(resource_types, search_request)

    @override
    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """A new resource; or somebody inactive who returns; or what a given-up try has made."""
        make = self.writes.create_group if is_group(resource_type) else self.writes.create_user
        created = await make(resource)
        if created.revision is None:
            return await self.get(resource_type, created.id)
        return documents.made_of(resource, resource_type, created.id, created.revision)

    @override
    async def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """The whole new state of a resource; a group without `members` keeps them.

        Requests go by `Handler` instead, which knows what of it the client has named.
        """
        assert resource.id is not None
        found = await self._expected(resource_type, resource.id, expected_version)
        told = Told(names_active=True, whole=True)
        if not is_group(resource_type):
            await self.writes.change_user(resource, found, told)
            return await self.get(resource_type, resource.id)
        exact = expected_version is not None
        base = await self.writes.change_group(resource, found, told, exact=exact)
        if getattr(resource, "members", None) is not None:
            had = await self.member_ids(resource.id)
            members = had, set(documents.member_ids(resource))
            await self.writes.replace_members(found, base, members, told, exact=exact)
        return await self.get(resource_type, resource.id)

    @override
    async def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        """Delete a resource."""
        found = await self._expected(resource_type, resource_id, expected_version)
        if is_group(resource_type):
            await self.writes.delete_group(found, exact=expected_version is not None)
        else:
            await self.writes.delete_user(found)

    async def _expected(
        self, resource_type: ResourceType, resource_id: str, version: str | None
    ) -> Found:
        found = await self.find(resource_type, resource_id)
        if version not in {None, documents.version_of(found.revision)}:
            raise PreconditionFailedException
        return found
