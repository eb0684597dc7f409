"""Okta: an app of its catalogue for SCIM 2.0, and one of its wizard (idp-facts §§4.1, 4.3, D)."""

from typing import ClassVar

from typing_extensions import override

from deploy.simulate.company import Company, Group, Person
from deploy.simulate.judging import GROUP
from deploy.simulate.requests import PAGE, equal
from deploy.simulate.scim import PushedGroup, PushedUser, ScimIdp, member_changes, user
from deploy.simulate.wire import Wire


class Okta(ScimIdp):
    """PUT for profiles, PATCH for `active` and for members, never a DELETE of a user."""

    NAME: ClassVar = "okta"
    HEADERS: ClassVar = {
        "User-Agent": "Okta SCIM Client 1.0.0",
        "Accept": "application/scim+json",
        "Content-Type": "application/scim+json; charset=utf-8",
    }
    NOT_REPEATED: ClassVar = frozenset({503})
    DELETES_USERS: ClassVar = False

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._linkable: dict[str, str] = {}

    @override
    async def probe(self) -> None:
        """Two constant requests; groups that are there can be linked instead of pushed anew."""
        kind = "test of the connection"
        await self.requests.search(kind, "Users?startIndex=1&count=2")
        listed = await self.requests.search(kind, f"Groups?startIndex=1&count={PAGE}")
        self._linkable = {str(each.get("displayName")): str(each.get("id")) for each in listed}

    @override
    async def sync(self, company: Company) -> None:
        """Nothing is sent about what did not change; but every sync imports what is there."""
        await super().sync(company)
        await self._import()

    async def _import(self) -> None:
        """Import users by hundreds: everybody who was pushed must be found."""
        kind = "import of users"
        seen = await self.requests.every(kind, "Users")
        for pushed in self.users.values():
            found = seen.get(pushed.id)
            if found is None:
                self.requests.surprise(kind, "does not find somebody who was pushed", pushed.id)
            elif found.get("active") is not pushed.person.active:
                self.requests.surprise(kind, "shows another active than was pushed", str(found))

    @override
    async def look_up(self, person: Person) -> str | None:
        where = equal("userName", person.email)
        path = f"Users?filter={where}&startIndex=1&count={PAGE}"
        return await self.requests.find("look-up of a user", path)

    @override
    async def create_user(self, person: Person) -> str | None:
        """With attributes that nobody asked for."""
        body = user(person) | {"password": "1mz050nq", "groups": [], "locale": "en-US"}
        return await self.requests.post("Users", body)

    @override
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        return await self.requests.put(f"Users/{pushed.id}", user(person))

    @override
    async def deactivate(self, person: Person, pushed: PushedUser) -> bool:
        change = {"op": "replace", "value": {"active": False}}
        return await self.requests.patch(f"Users/{pushed.id}", change, sets={"active": False})

    @override
    async def reactivate(self, person: Person, pushed: PushedUser) -> bool:
        """Its look-up finds the inactive person, and it sends everything with `active: true`."""
        if await self.look_up(pushed.person) != pushed.id:
            self.requests.surprise("look-up of a user", "does not find an inactive person")
        return await self.update_user(person, pushed)

    @override
    async def create_group(self, group: Group) -> str | None:
        if (there := self._linkable.pop(group.name, None)) is not None:
            return there
        body = {"schemas": [GROUP], "displayName": group.name, "members": []}
        return await self.requests.post("Groups", body)

    @override
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        """A PATCH a hundred members; each renames the group, too."""
        left, joined = pushed.members - wanted, wanted - pushed.members
        changes = member_changes(self.ids(left), self.ids(joined))
        alone = changes[: len(left)], *([each] for each in changes[len(left) :])
        rename = {"op": "replace", "value": {"id": pushed.id, "displayName": group.name}}
        done = True
        for some in [each for each in alone if each] or [[]]:
            path, sets = f"Groups/{pushed.id}", {"displayName": group.name}
            done &= await self.requests.patch(path, rename, *some, sets=sets)
        return done


class OktaWizard(Okta):
    """An app of the App Integration Wizard: always PUT of the whole, which it reads before."""

    NAME: ClassVar = "okta:wizard"

    @override
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        """What it read goes back, `id`, `meta` and `groups` with it."""
        path = f"Users/{pushed.id}"
        whole = await self.requests.get(path, {})
        return whole is not None and await self.requests.put(path, whole | user(person))

    @override
    async def deactivate(self, person: Person, pushed: PushedUser) -> bool:
        return await self.update_user(person, pushed)

    @override
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        """All members, each time."""
        members = [{"value": each} for each in self.ids(wanted)]
        body = {"schemas": [GROUP], "displayName": group.name, "members": members}
        return await self.requests.put(f"Groups/{pushed.id}", body)
