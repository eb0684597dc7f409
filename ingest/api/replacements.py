"""One directory in the place of another: how the two compare, and the switch (access-rules §4)."""

from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, RowMapping, text
from starlette.responses import JSONResponse

from ingest.api.changes import Changes, asked_now
from ingest.api.mappings import GrantedWorkspace
from ingest.api.parameters import DirectoryId, TenantId
from ingest.database import Database, require_directory
from ingest.refusals import ReplacesNothingError
from schemas import limits
from schemas.settings_changes import SwitchDirectory

_PEOPLE = """
    SELECT
        coalesce(old.member_id, new.member_id) AS member_id,
        coalesce(new.display_name, old.display_name) AS display_name,
        coalesce(new.email, old.email) AS email,
        old.member_id IS NOT NULL AS in_old,
        new.member_id IS NOT NULL AS in_new,
        member.standing, member.role, hold.reason, hold.desired, hold.rivals
    FROM ({old}) AS old FULL JOIN ({new}) AS new ON old.member_id = new.member_id
    LEFT JOIN member ON member.tenant_id = :tenant_id
        AND member.member_id = coalesce(old.member_id, new.member_id)
    LEFT JOIN hold ON hold.tenant_id = :tenant_id
        AND hold.member_id = coalesce(old.member_id, new.member_id)
    ORDER BY 1
"""
_OF_DIRECTORY = """
    SELECT DISTINCT ON (member_id) member_id, email,
        coalesce(nullif(concat_ws(' ', first_name, last_name), ''), email, user_name, idp_id)
            AS display_name
    FROM directory_user
    WHERE tenant_id = :tenant_id AND directory_id = :{which} AND active AND NOT deleted
        AND member_id IS NOT NULL
    ORDER BY member_id, user_id
"""
_UNMAPPED = """
    SELECT old.name, mapping.role, mapping.workspaces, same.group_id
    FROM group_mapping AS mapping
    JOIN directory_group AS old USING (tenant_id, directory_id, group_id)
    LEFT JOIN (
        SELECT name, min(group_id) AS group_id FROM directory_group
        WHERE tenant_id = :tenant_id AND directory_id = :new AND NOT deleted
        GROUP BY name) AS same ON same.name = old.name
    WHERE tenant_id = :tenant_id AND directory_id = :old AND NOT EXISTS (
        SELECT FROM group_mapping AS again
        JOIN directory_group AS new USING (tenant_id, directory_id, group_id)
        WHERE again.tenant_id = :tenant_id AND again.directory_id = :new AND new.name = old.name)
    ORDER BY old.name
"""


class Person(BaseModel):
    """Somebody whom the switch would move, or who is in one of the directories only."""

    member_id: str
    display_name: str
    email: str | None
    standing: str
    role: str | None
    desired: dict[str, Any] | None = None
    """What access would be after the switch, where it differs."""
    may_be: list[str] = []
    """Of a conflict: members whom the person may be."""


class UnmappedGroup(BaseModel):
    """A group of the old directory that grants something, and none of its name in the new one."""

    name: str
    role: str | None
    workspaces: list[GrantedWorkspace]
    group_id: str | None
    """Of the group of the new directory with the same name, if it sent one."""


class Comparison(BaseModel):
    """What switching would do; lists are cut, counts are not."""

    old: str
    new: str
    counts: dict[str, int]
    """People by what the switch means for them, each one once, as the lists below."""
    only_in_old: list[Person]
    """They keep their access or lose it, as the old directory's `on_disconnect` says."""
    only_in_new: list[Person]
    """They get what the new directory's groups grant."""
    changed: list[Person]
    """In both, with other access afterwards."""
    conflicts: list[Person]
    """In the new one only, and perhaps somebody known: an administrator says who."""
    unmapped_groups: list[UnmappedGroup]


class Replacements:
    """The URLs about a directory that replaces another one."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def switch(self, tenant_id: TenantId, directory_id: DirectoryId) -> JSONResponse:
        """Let this directory speak for the people of the one that it replaces, which ends."""
        change = SwitchDirectory(tenant_id=tenant_id, directory_id=directory_id, **asked_now())
        return await self._changes.settle(change)

    def compare(self, tenant_id: TenantId, directory_id: DirectoryId) -> Comparison:
        """Say what the switch would do, as things stand now."""
        with self._database.tenant(tenant_id) as connection:
            require_directory(connection, tenant_id, directory_id)
            old = _replaced(connection, tenant_id, directory_id)
            where = {"tenant_id": tenant_id, "old": old, "new": directory_id}
            query = _PEOPLE.format(
                old=_OF_DIRECTORY.format(which="old"), new=_OF_DIRECTORY.format(which="new")
            )
            people = connection.execute(text(query), where).mappings().all()
            groups = connection.execute(text(_UNMAPPED), where).mappings().all()
        found: dict[str, list[RowMapping]] = {name: [] for name in _KINDS}
        for person in people:
            found[_kind_of(person)].append(person)
        return Comparison(
            old=old,
            new=directory_id,
            counts={name: len(rows) for name, rows in found.items()},
            unmapped_groups=[UnmappedGroup(**group) for group in groups],
            **{
                name: [_person(each) for each in rows[: limits.PAGE]]
                for name, rows in found.items()
                if name != "unchanged"
            },
        )


_KINDS = ("unchanged", "changed", "only_in_old", "only_in_new", "conflicts")


def _kind_of(person: RowMapping) -> str:
    if person["rivals"]:
        return "conflicts"
    if not person["in_new"]:
        return "only_in_old"
    if not person["in_old"]:
        return "only_in_new"
    return "changed" if person["reason"] == "testing" else "unchanged"


def _person(row: RowMapping) -> Person:
    return Person(
        member_id=row["member_id"],
        display_name=row["display_name"],
        email=row["email"],
        standing=row["standing"] or "none",
        role=row["role"],
        desired=row["desired"],
        may_be=row["rivals"] or [],
    )


def _replaced(connection: Connection, tenant_id: str, directory_id: str) -> str:
    query = "SELECT replaces FROM directory WHERE tenant_id = :tenant_id AND directory_id = :id"
    found = connection.execute(text(query), {"tenant_id": tenant_id, "id": directory_id})
    old: str | None = found.scalar_one()
    if old is None:
        raise ReplacesNothingError
    return old
