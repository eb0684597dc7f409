"""What a SCIM request finds: resources of one directory, and how new what it found is."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import structs

from ingest.connections import Connections
from ingest.scim.revisions import Revisions
from ingest.scim.tokens import Bearer
from schemas.scim import Document

_UP_TO: Final = """
    coalesce((SELECT revision FROM directory_revision
              WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s), 0) AS base,
    EXISTS (SELECT FROM given_up
            WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s
            AND given_up_at > now() - interval '24 hours') AS doubt
"""
_WHERE: Final = """
    WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s
"""
_NOTHING: Final = f"SELECT {_UP_TO}"
_USER: Final = f"""
    SELECT user_id AS id, resource, revision, created_at, leaving, {_UP_TO}
    FROM directory_user {_WHERE} AND user_id = %(id)s AND NOT deleted
"""  # noqa: S608 # constants of this module
_GROUP: Final = f"""
    SELECT group_id AS id, resource, revision, created_at, false AS leaving, {_UP_TO}
    FROM directory_group {_WHERE} AND group_id = %(id)s AND NOT deleted
"""  # noqa: S608 # constants of this module
_GROUPS_OF: Final = """
    SELECT user_id AS holder, group_id AS value, name AS display, 'Group' AS kind
    FROM membership JOIN directory_group USING (tenant_id, directory_id, group_id)
    WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s
    AND user_id = ANY(%(ids)s) AND NOT deleted ORDER BY group_id
"""
_MEMBER: Final = """
    SELECT membership.group_id AS holder, membership.user_id AS value, NULL AS display,
        CASE WHEN nested.group_id IS NULL THEN 'User' ELSE 'Group' END AS kind
    FROM membership LEFT JOIN directory_group AS nested ON nested.tenant_id = membership.tenant_id
        AND nested.directory_id = membership.directory_id AND nested.group_id = membership.user_id
    WHERE membership.tenant_id = %(tenant_id)s AND membership.directory_id = %(directory_id)s
"""
_MEMBERS_OF: Final = f"{_MEMBER} AND membership.group_id = ANY(%(ids)s) ORDER BY membership.user_id"
FIRST_MEMBERS: Final = f"""
    {_MEMBER} AND membership.group_id = %(id)s
    ORDER BY membership.user_id LIMIT %(most)s
"""  # one group, so that an index gives them in their order: the others are not read
_MEMBER_IDS: Final = f"""
    SELECT user_id FROM membership {_WHERE} AND group_id = %(id)s
"""  # noqa: S608 # constants of this module

_SIZES: Final = """
    SELECT group_id, count(*) AS size FROM membership
    WHERE tenant_id = %(tenant_id)s AND directory_id = %(directory_id)s
    AND group_id = ANY(%(ids)s) GROUP BY group_id
"""

Kind = str
"""`User` or `Group`: the name of a resource type."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as it stands in the read model."""

    id: str
    resource: Document
    revision: int
    """Its version: microseconds since 1970 of its last change."""
    created_at: datetime
    leaving: bool
    """The IdP wants this person gone, and a policy holds it back."""
    base: int
    """Up to which revision of the directory the read model had come."""
    doubt: bool
    """Something may still land, or be caught up with, that is not seen here: nothing is a no-op."""


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a group, or a group of a user."""

    holder: str
    """The resource that is asked about."""
    value: str
    display: str | None
    """Of a group; None of a member."""
    kind: Kind


class Reading:
    """Reads one directory."""

    def __init__(
        self,
        connections: Connections,
        bearer: Bearer,
        revisions: Revisions,
        unwritten: Callable[[], bool],
    ) -> None:
        """For one request.

        Args:
            connections: to Postgres.
            bearer: whose request it is.
            revisions: what this gateway has seen.
            unwritten: whether something was given up that is not written down.
        """
        self._connections = connections
        self._unwritten = unwritten
        self._revisions = revisions
        self._tenant_id = bearer.tenant_id
        self._where = {"tenant_id": bearer.tenant_id, "directory_id": bearer.directory_id}

    async def base(self, *, anew: bool) -> int:
        """Up to which revision the read model has come, as far as it is known; or read anew.

        Raises:
            UnavailableError: Postgres is away.
        """
        known = None if anew else self._revisions.of(**self._where)
        if known is not None:
            return known
        (rows,) = await self._rows((_NOTHING, {}))
        self.saw(rows[0]["base"])
        base: int = rows[0]["base"]
        return base

    def saw(self, revision: int) -> None:
        """The read model has come up to there."""
        self._revisions.saw(**self._where, revision=revision)

    async def one(self, kind: Kind, resource_id: str) -> Found | None:
        """A resource, without members and groups; None if it is not there.

        Raises:
            UnavailableError: Postgres is away.
        """
        if "\0" in resource_id:
            return None
        query = _USER if kind == "User" else _GROUP
        (rows,) = await self._rows((query, {"id": resource_id}))
        if not rows:
            return None
        found = Found(**rows[0])
        seen = self._revisions.of(**self._where) or 0
        self.saw(found.base)
        # A read model that a crash of Postgres set back is not to be trusted either.
        doubt = found.doubt or found.base < seen or self._unwritten()
        return structs.replace(found, doubt=doubt)

    async def related(self, kind: Kind, ids: Sequence[str]) -> dict[str, list[Related]]:
        """The groups of users, or the members of groups, by the id that is asked about.

        Args:
            kind: of what is asked about.
            ids: of these.

        Raises:
            UnavailableError: Postgres is away.
        """
        if not ids:
            return {}
        query = _GROUPS_OF if kind == "User" else _MEMBERS_OF
        (rows,) = await self._rows((query, {"ids": list(ids)}))
        found: dict[str, list[Related]] = {}
        for row in rows:
            found.setdefault(row["holder"], []).append(Related(**row))
        return found

    async def first_members(self, group_id: str, most: int) -> list[Related]:
        """Members of a group, so many of them at most.

        Raises:
            UnavailableError: Postgres is away.
        """
        (rows,) = await self._rows((FIRST_MEMBERS, {"id": group_id, "most": most}))
        return [Related(**row) for row in rows]

    async def member_ids(self, group_id: str) -> set[str]:
        """The ids of a group's members.

        Raises:
            UnavailableError: Postgres is away.
        """
        (members,) = await self._rows((_MEMBER_IDS, {"id": group_id}))
        return {row["user_id"] for row in members}

    async def sizes(self, group_ids: Sequence[str]) -> dict[str, int]:
        """How many members groups have; those without any are left out.

        Raises:
            UnavailableError: Postgres is away.
        """
        (rows,) = await self._rows((_SIZES, {"ids": list(group_ids)}))
        return {row["group_id"]: row["size"] for row in rows}

    async def ask(self, *queries: tuple[str, Mapping[str, Any]]) -> Sequence[list[dict[str, Any]]]:
        """The rows of queries that name tenant and directory as parameters of these names.

        Raises:
            UnavailableError: Postgres is away.
        """
        return await self._rows(*queries)

    async def _rows(
        self, *queries: tuple[str, Mapping[str, Any]]
    ) -> Sequence[list[dict[str, Any]]]:
        bound = [(query, {**arguments, **self._where}) for query, arguments in queries]
        return await self._connections.rows(self._tenant_id, *bound)
