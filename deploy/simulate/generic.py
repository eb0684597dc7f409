"""IdPs of which nothing odd is known: what the RFCs say, and Rippling."""

from typing import ClassVar

from typing_extensions import override

from deploy.simulate.company import Group, Person
from deploy.simulate.judging import ENTERPRISE
from deploy.simulate.requests import equal
from deploy.simulate.scim import PushedGroup, PushedUser, ScimIdp, member_changes, user
from deploy.simulate.wire import Body


class Generic(ScimIdp):
    """PATCH for what changed (RFC 7644 §3.5.2), DELETE for who is gone for good."""

    NAME: ClassVar = "generic"

    @override
    async def probe(self) -> None:
        """What the server can do, and that nobody is there whom nobody can be."""
        await self.ask_what_it_can("test of the connection")
        path = f"Users?filter={equal('userName', 'nobody@example.invalid')}"
        await self.requests.find("test of the connection", path)

    async def ask_what_it_can(self, kind: str) -> None:
        """Read /ServiceProviderConfig."""
        answer = await self.wire.ask(kind, "GET", "ServiceProviderConfig")
        if answer.ok and not (answer.body or {}).get("patch", {}).get("supported"):
            self.requests.surprise(kind, "says that there is no PATCH", answer.said)

    @override
    def manager_change(self, manager_id: str) -> Body:
        """As the RFC has them: an object with an id of the target."""
        return {"op": "add", "path": f"{ENTERPRISE}:manager", "value": {"value": manager_id}}

    @override
    async def link(self, person: Person, pushed: PushedUser) -> bool:
        return await self.requests.put(f"Users/{pushed.id}", user(person))

    @override
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        """What differs, in one operation without a path."""
        was, now = user(pushed.person), user(person)
        changed = {name: value for name, value in now.items() if value != was[name]}
        if person.mobile != pushed.person.mobile:
            changed["phoneNumbers"] = [{"type": "mobile", "value": person.mobile}]
        change = {"op": "replace", "value": changed}
        return not changed or await self.requests.patch(f"Users/{pushed.id}", change)

    @override
    async def deactivate(self, person: Person, pushed: PushedUser) -> bool:
        change = {"op": "replace", "path": "active", "value": False}
        return await self.requests.patch(f"Users/{pushed.id}", change, sets={"active": False})

    @override
    async def look_again(self, person: Person, pushed: PushedUser) -> bool:
        """It looks by external id."""
        kind = "look-up by externalId"
        path = f"Users?filter={equal('externalId', person.id)}"
        if (found := await self.requests.find(kind, path)) != pushed.id:
            self.requests.surprise(kind, "does not find who was pushed", f"{person.id}: {found}")
        return found == pushed.id

    @override
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        left, joined = pushed.members - wanted, wanted - pushed.members
        changes: list[Body] = member_changes(self.ids(left), self.ids(joined))
        if group.name != pushed.name:
            changes.insert(0, {"op": "replace", "path": "displayName", "value": group.name})
        sets = {"displayName": group.name}
        return await self.requests.patch(f"Groups/{pushed.id}", *changes, sets=sets)

    @override
    async def look_at_group(self, group: Group, pushed: PushedGroup) -> bool:
        """It reads all members, and compares those whom it knows."""
        read = await self.requests.get(f"Groups/{pushed.id}", {"displayName": group.name})
        if read is None:
            return False
        members = {str(each.get("value")) for each in read.get("members", ())}
        if members & set(self.ids(self.users)) != set(self.ids(pushed.members)):
            self.requests.surprise("GET of a group", "brings other members than were pushed")
        return True


class Rippling(Generic):
    """Probes what the server can do (a third party's guide); the rest is not documented."""

    NAME: ClassVar = "rippling"

    @override
    async def probe(self) -> None:
        await self.ask_what_it_can("test of the connection")
