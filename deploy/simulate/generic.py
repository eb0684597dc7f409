"""An IdP that keeps to the RFCs: nobody's quirks."""

from typing import ClassVar

from typing_extensions import override

from deploy.simulate.company import Company, Group, Person
from deploy.simulate.judging import ENTERPRISE, GROUP, PATCH, judge
from deploy.simulate.scim import PushedGroup, PushedUser, ScimIdp, hundreds, user
from deploy.simulate.wire import Body


class Generic(ScimIdp):
    """PATCH for what changed (RFC 7644 §3.5.2), DELETE for who is gone for good."""

    NAME: ClassVar = "generic"
    HEADERS: ClassVar = {
        "Accept": "application/scim+json",
        "Content-Type": "application/scim+json",
    }

    @override
    async def probe(self) -> None:
        """What the server can do, and that nobody has an id that nobody can have."""
        kind = "test of the connection"
        answer = await self.wire.ask(kind, "GET", "ServiceProviderConfig")
        if answer.ok and not (answer.body or {}).get("patch", {}).get("supported"):
            self.report.surprise(kind, "says that there is no PATCH", answer.said)
        await self.found(kind, "Users", "userName", "nobody@example.invalid")

    @override
    async def create_user(self, person: Person) -> str | None:
        return (await self.write("POST of a user", "POST", "Users", user(person), {201}))[1]

    @override
    async def link(self, person: Person, pushed: PushedUser) -> bool:
        answer, _ = await self.write("PUT of a user", "PUT", f"Users/{pushed.id}", user(person))
        return answer.ok

    @override
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        """What differs, in one operation without a path."""
        was, now = user(pushed.person), user(person)
        changed = {name: value for name, value in now.items() if value != was[name]}
        if person.mobile != pushed.person.mobile:
            changed["phoneNumbers"] = [{"type": "mobile", "value": person.mobile}]
        if not changed:
            return True
        return await self._patch_user(pushed, {"op": "replace", "value": changed})

    @override
    async def deactivate(self, person: Person, pushed: PushedUser) -> bool:
        return await self._patch_user(pushed, {"op": "replace", "path": "active", "value": False})

    @override
    async def sync_people(self, company: Company) -> None:
        """Managers come last, as the RFC has them: an object with an id of the target."""
        await super().sync_people(company)
        await self.wire.each(self._refer, [*self.users.values()])

    async def _refer(self, pushed: PushedUser) -> None:
        manager = self.users.get(pushed.person.manager or "")
        if not pushed.person.active or manager is None or manager.id == pushed.refers:
            return
        change = {"op": "add", "path": f"{ENTERPRISE}:manager", "value": {"value": manager.id}}
        if await self._patch_user(pushed, change):
            pushed.refers = manager.id

    async def _patch_user(self, pushed: PushedUser, change: Body) -> bool:
        kind, path = "PATCH of a user", f"Users/{pushed.id}"
        body = {"schemas": [PATCH], "Operations": [change]}
        answer = await self.wire.ask(kind, "PATCH", path, body, expects={200, 204})
        judge(self.report, kind, answer, {})
        return answer.ok

    @override
    async def look_again(self, person: Person, pushed: PushedUser) -> bool:
        """It looks by external id, and compares."""
        kind = "look-up by externalId"
        found = await self.found(kind, "Users", "externalId", person.id)
        if found != pushed.id:
            self.report.surprise(kind, "does not find who was pushed", f"{person.id}: {found}")
        return found == pushed.id

    @override
    async def create_group(self, group: Group) -> str | None:
        kind = "look-up of a group"
        if (there := await self.found(kind, "Groups", "displayName", group.name)) is not None:
            return there
        body = {"schemas": [GROUP], "externalId": group.id, "displayName": group.name}
        return (await self.write("POST of a group", "POST", "Groups", body, {201}))[1]

    @override
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        changes: list[Body] = []
        if group.name != pushed.name:
            changes.append({"op": "replace", "path": "displayName", "value": group.name})
        changes += [
            {"op": "remove", "path": f'members[value eq "{each}"]'}
            for each in self.ids(pushed.members - wanted)
        ]
        changes += [
            {"op": "add", "path": "members", "value": [{"value": each} for each in some]}
            for some in hundreds(self.ids(wanted - pushed.members))
        ]
        kind, path = "PATCH of a group", f"Groups/{pushed.id}"
        body = {"schemas": [PATCH], "Operations": changes}
        answer = await self.wire.ask(kind, "PATCH", path, body, expects={200, 204})
        judge(self.report, kind, answer, {"displayName": group.name})
        return answer.ok

    @override
    async def look_at_group(self, group: Group, pushed: PushedGroup) -> bool:
        """It reads all members, and compares."""
        kind = "GET of a group"
        answer = await self.wire.ask(kind, "GET", f"Groups/{pushed.id}")
        judge(self.report, kind, answer, {"displayName": group.name})
        members = {each.get("value") for each in (answer.body or {}).get("members", ())}
        if answer.ok and members != set(self.ids(pushed.members)):
            self.report.surprise(kind, "brings other members than were pushed", answer.said)
        return answer.ok
