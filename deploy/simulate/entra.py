"""Microsoft Entra ID without its flag for compliance, which is its default (idp-facts §4.2)."""

from typing import Any, ClassVar, Final
from urllib.parse import quote

from typing_extensions import override

from deploy.simulate.company import Group, Person
from deploy.simulate.judging import ENTERPRISE, GROUP
from deploy.simulate.requests import equal
from deploy.simulate.scim import PushedGroup, PushedUser, ScimIdp, hundreds, user
from deploy.simulate.wire import Body

ADSCIM: Final = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
"""A schema that stands in every group that Entra makes, and has no attribute."""
MANAGER: Final = f"{ENTERPRISE}:manager"

_NOBODY: Final = "7f3b1f0e-5f0a-4d52-9f43-0d6c1a2b3c4d"
_UNREAD: Final = "excludedAttributes=members"


class Entra(ScimIdp):
    """Reads what is there each cycle, and sends each attribute that differs.

    `Add`, `Replace` and `Remove` are capitalised, booleans are texts, a manager is one too.
    """

    NAME: ClassVar = "entra"

    @override
    async def probe(self) -> None:
        """Somebody who cannot be there: an empty list is expected."""
        kind = "test of the connection"
        for path in (
            f"Users?filter={equal('userName', _NOBODY)}",
            f"Groups?{_UNREAD}&filter={equal('displayName', _NOBODY)}",
        ):
            if await self.requests.search(kind, path):
                self.requests.surprise(kind, "finds somebody who cannot be there", path)
        await self.requests.search(kind, "Schemas")

    @override
    def manager_change(self, manager_id: str) -> Body:
        return {"op": "Add", "path": MANAGER, "value": manager_id}

    @override
    async def create_user(self, person: Person) -> str | None:
        empty: Body = {
            "roles": [],
            "addresses": None,
            "phoneNumbers": None,
            "preferredLanguage": None,
        }
        body = user(person) | empty | {"meta": {"resourceType": "User"}}
        return await self.requests.post("Users", body)

    @override
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        changes = await self._differences(person, pushed)
        return changes is not None and await self._patch(person, pushed, changes)

    @override
    async def look_again(self, person: Person, pushed: PushedUser) -> bool:
        """What was pushed must come back, or it is sent each cycle (azure-docs#11784)."""
        changes = await self._differences(person, pushed)
        for each in changes or ():
            what = f"does not bring back {each['path']} as it was sent, so it is sent each cycle"
            self.requests.surprise("GET of a user", what, f"{each['value']!r} was sent")
        return changes is not None and await self._patch(person, pushed, changes)

    async def _patch(self, person: Person, pushed: PushedUser, changes: list[Body]) -> bool:
        path, sets = f"Users/{pushed.id}", {"active": person.active, "userName": person.email}
        return not changes or await self.requests.patch(path, *changes, sets=sets)

    async def _differences(self, person: Person, pushed: PushedUser) -> list[Body] | None:
        """One operation an attribute that is not at the target as it is here; None: it is gone."""
        there = await self.requests.get(f"Users/{pushed.id}", {})
        if there is None:
            return None
        wanted = _wanted(person)
        if pushed.manager is not None:
            wanted[MANAGER] = pushed.manager
        changes = []
        for path, value in wanted.items():
            found = _at(there, path)
            if found != value:
                op = "Replace" if found is not None else "Add"
                sent = str(value) if isinstance(value, bool) else value
                changes.append({"op": op, "path": path, "value": sent})
        return changes

    @override
    async def look_up_group(self, group: Group) -> str | None:
        path = f"Groups?{_UNREAD}&filter={equal('displayName', group.name)}"
        return await self.requests.find("look-up of a group", path)

    @override
    def new_group(self, group: Group) -> Body:
        resource_type = {"meta": {"resourceType": "Group"}}
        return super().new_group(group) | {"schemas": [GROUP, ADSCIM]} | resource_type

    @override
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        """One attribute a request; how many members go into one is not documented."""
        path, done = f"Groups/{pushed.id}", True
        if group.name != pushed.name:
            rename = {"op": "Replace", "path": "displayName", "value": group.name}
            done &= await self.requests.patch(path, rename)
        moves = ("Remove", pushed.members - wanted), ("Add", wanted - pushed.members)
        for op, people in moves:
            for some in hundreds(self.ids(people)):
                await self._expect_member(pushed, some[0], inside=op == "Remove")
                value = [{"$ref": None, "value": each} for each in some]
                change = {"op": op, "path": "members", "value": value}
                done &= await self.requests.patch(path, change)
        return done

    @override
    async def look_at_group(self, group: Group, pushed: PushedGroup) -> bool:
        path = f"Groups/{pushed.id}?{_UNREAD}"
        found = await self.requests.get(path, {"displayName": group.name, "externalId": group.id})
        if found is not None and "members" in found:
            self.requests.surprise("GET of a group", "brings members that were excluded")
        for each in self.ids(pushed.members)[:1]:
            await self._expect_member(pushed, each, inside=True)
        return found is not None

    async def _expect_member(self, pushed: PushedGroup, user_id: str, *, inside: bool) -> None:
        """Ask whether somebody is in a group, as Entra does before it changes that."""
        kind = "look-up of a member"
        where = quote(f'id eq "{pushed.id}" and members eq "{user_id}"')
        found = await self.requests.find(kind, f"Groups?{_UNREAD}&filter={where}")
        if inside and found != pushed.id:
            self.requests.surprise(kind, "does not find who was pushed into the group", where)


def _wanted(person: Person) -> dict[str, Any]:
    """Attributes by their paths, as Entra maps them unless somebody changes that (§C4)."""
    wanted: dict[str, Any] = {
        "active": person.active,
        "userName": person.email,
        "externalId": person.id,
        "displayName": person.name,
        "title": person.title,
        'emails[type eq "work"].value': person.email,
        "name.givenName": person.first_name,
        "name.familyName": person.last_name,
        f"{ENTERPRISE}:department": person.department,
    }
    if person.mobile is not None:
        wanted['phoneNumbers[type eq "mobile"].value'] = person.mobile
    return wanted


def _at(resource: Body, path: str) -> Any:
    """What a resource has at one of those paths; None where there is nothing."""
    if path.startswith(f"{ENTERPRISE}:"):
        found = resource.get(ENTERPRISE, {}).get(path.rpartition(":")[2])
        return found.get("value") if isinstance(found, dict) else found
    name, _, kind = path.partition('[type eq "')
    if kind:
        values = resource.get(name, ())
        return next(
            (e.get("value") for e in values if e.get("type") == kind.partition('"')[0]), None
        )
    name, _, part = path.partition(".")
    return resource.get(name, {}).get(part) if part else resource.get(name)
