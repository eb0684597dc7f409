"""Writes of one request, as deltas against what was read when it arrived (DESIGN §5)."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import structs
from scim2_models import Resource, UniquenessException

from ingest.outcomes import Outcome
from ingest.redaction import Redactor
from ingest.scim import documents
from ingest.scim.errors import GoneError, StaleError
from ingest.scim.members import batched
from ingest.scim.reading import Found, Reading
from ingest.scim.tokens import Bearer
from ingest.scim.told import Told
from ingest.scim.writing import Writing
from schemas.scim import (
    Document,
    ScimGroupChanged,
    ScimGroupCreated,
    ScimGroupDeleted,
    ScimMembersChanged,
    ScimUserChanged,
    ScimUserCreated,
    ScimUserDeleted,
)


class Created(msgspec.Struct, frozen=True):
    """What a POST made, or found again."""

    id: str
    revision: int | None
    """Of what was made as it was sent; None where it must be read."""


class Writes:
    """What a request may write in its directory."""

    def __init__(
        self, bearer: Bearer, reading: Reading, writing: Writing, redactor: Redactor
    ) -> None:
        self._bearer = bearer
        self._reading = reading
        self._writing = writing
        self._redactor = redactor

    async def create_user(self, resource: Resource[Any]) -> Created:
        """Somebody new, somebody inactive who returns, or whom a given-up try has made.

        Raises:
            SCIMException: the userName or externalId is taken, or a text cannot be kept.
        """
        document, redacted = self._document(resource, group=False)
        ignored = documents.ignored_names(resource)

        async def attempt(base: int, new_id: str | None) -> Created:
            common = self._writing.common(base)
            user_id = new_id or self._writing.new_id(common)
            change = ScimUserCreated(
                **common, user_id=user_id, resource=document, redacted=redacted, ignored=ignored
            )
            (outcome,) = await self._writing.settle(change, resource_id=user_id, body=document)
            fresh = new_id is None and outcome.body["id"] == user_id and not redacted
            return Created(outcome.body["id"], revision_of(outcome) if fresh else None)

        return await self._created(document, attempt)

    async def create_group(self, resource: Resource[Any]) -> Created:
        """A new group, with the members that it was sent with.

        Raises:
            SCIMException: its name or externalId is taken, or a text cannot be kept.
        """
        document, redacted = self._document(resource, group=True)
        members = documents.member_ids(resource)

        async def attempt(base: int, new_id: str | None) -> Created:
            common = self._writing.common(base)
            group_id = new_id or self._writing.new_id(common)
            change = ScimGroupCreated(**common, group_id=group_id, resource=document)
            added = self._members(group_id, base, members, [], exact=False)
            outcome, *_ = await self._writing.settle(
                change, *added, resource_id=group_id, body=document
            )
            fresh = new_id is None and not added and not redacted
            return Created(group_id, revision_of(outcome) if fresh else None)

        return await self._created(document, attempt)

    async def _created(
        self, document: Document, attempt: Callable[[int, str | None], Awaitable[Created]]
    ) -> Created:
        """Try with what is known; where a name is taken, it may be by a try that was given up."""
        adopted: str | None = None
        anew = False
        while True:
            base = await self._reading.base(anew=anew)
            try:
                created = await attempt(base, adopted)
            except GoneError:
                anew, adopted = True, None
            except StaleError:
                anew = True
            except UniquenessException:
                adopted = await self._writing.adopted_id(document)
                if adopted is None:
                    raise
            else:
                if created.revision is not None:
                    self._reading.saw(created.revision)
                return created

    async def change_user(self, resource: Resource[Any], found: Found, told: Told) -> None:
        """Write what the client wants changed, on what was found.

        A deactivation that is named is written even of somebody inactive: whatever activates them
        may be on its way.

        Raises:
            StaleError: something newer is known.
            SCIMException: a name is taken, or a policy keeps the person.
        """
        document, redacted = self._document(resource, group=False)
        changed = told.narrowed(documents.changed(found.resource, document))
        active = document.get("active")
        cancels = told.was_leaving(found.leaving)
        if told.names_active and active is not None and (cancels or not active):
            changed["active"] = active
        if not changed and not found.doubt:
            return
        change = ScimUserChanged(
            **self._writing.common(found.base),
            user_id=found.id,
            changed=changed,
            redacted=redacted,
            ignored=documents.ignored_names(resource),
        )
        await self._writing.settle(change, resource_id=found.id)

    async def delete_user(self, found: Found) -> None:
        """Delete a user.

        Raises:
            StaleError: something newer is known.
            SCIMException: a policy keeps the person.
        """
        change = ScimUserDeleted(**self._writing.common(found.base), user_id=found.id)
        await self._writing.settle(change, resource_id=found.id)

    async def change_group(
        self, resource: Resource[Any], found: Found, told: Told, *, exact: bool
    ) -> int:
        """Write what the client wants changed, members aside; the revision to go on from.

        Raises:
            StaleError: something newer is known.
            SCIMException: the externalId is taken.
        """
        document, _ = self._document(resource, group=True)
        changed = told.narrowed(documents.changed(found.resource, document))
        if not changed and not found.doubt:
            return found.base
        common = self._writing.common(found.base)
        change = ScimGroupChanged(**common, group_id=found.id, changed=changed, exact=exact)
        (outcome,) = await self._writing.settle(change, resource_id=found.id)
        return revision_of(outcome)

    async def delete_group(self, found: Found, *, exact: bool) -> None:
        """Delete a group; `exact`: only in the version that was found.

        Raises:
            StaleError: something newer is known.
        """
        common = self._writing.common(found.base)
        change = ScimGroupDeleted(**common, group_id=found.id, exact=exact)
        await self._writing.settle(change, resource_id=found.id)

    async def replace_members(
        self,
        found: Found,
        base: int,
        members: tuple[set[str], set[str]],
        told: Told,
        *,
        exact: bool,
    ) -> None:
        """Make of a group's members, as they were read, those that are wanted.

        What was to be added before and comes late counts no more: the group is closed first.

        Raises:
            StaleError: something newer is known.
        """
        had, wanted = members
        added, removed = told.members_narrowed(wanted - had, had - wanted)
        if not added and not removed and not found.doubt:
            return
        common = self._writing.common(base)
        closing = ScimGroupChanged(
            **common, group_id=found.id, changed={}, closes=True, exact=exact
        )
        (closed,) = await self._writing.settle(closing, resource_id=found.id)
        revision = revision_of(closed)
        await self.change_members(found.id, revision, added=added, removed=removed, exact=exact)

    async def change_members(
        self, group_id: str, base: int, *, added: list[str], removed: list[str], exact: bool
    ) -> None:
        """Add and remove members of a group, each of them by itself.

        Raises:
            StaleError: the opposite was said of one of them meanwhile.
        """
        changes = self._members(group_id, base, added, removed, exact=exact)
        if not exact:
            await self._writing.settle(*changes, resource_id=group_id)
            return
        for change in changes:  # each makes the version on which the next is built
            built = structs.replace(change, base=base)
            (outcome,) = await self._writing.settle(built, resource_id=group_id)
            base = revision_of(outcome)

    def _members(
        self, group_id: str, base: int, added: list[str], removed: list[str], *, exact: bool
    ) -> list[ScimMembersChanged]:
        parts: list[dict[str, Any]] = [{"added": some} for some in batched(added)]
        parts += [{"removed": some} for some in batched(removed)]
        common = self._writing.common
        return [
            ScimMembersChanged(**common(base), group_id=group_id, exact=exact, **part)
            for part in parts
        ]

    def _document(
        self, resource: Resource[Any], *, group: bool
    ) -> tuple[Document, tuple[str, ...]]:
        return documents.document_of(resource, self._redactor, self._bearer, group=group)


def revision_of(outcome: Outcome) -> int:
    """The revision that a change made."""
    revision: int = outcome.body["revision"]
    return revision
