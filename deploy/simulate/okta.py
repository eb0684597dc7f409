"""Okta, as an app of its catalogue for SCIM 2.0 does it (idp-facts §§4.1, 4.3, D)."""

from typing import ClassVar, Final

from typing_extensions import override

from deploy.simulate.company import Company, Group, Person
from deploy.simulate.judging import GROUP, PATCH, judge, judge_list
from deploy.simulate.scim import PushedGroup, PushedUser, ScimIdp, hundreds, user
from deploy.simulate.wire import Body, Wire

_PAGE: Final = 100


class Okta(ScimIdp):
    """PUT for profiles, PATCH for `active`, never a DELETE of a user."""

    NAME: ClassVar = "okta"
    HEADERS: ClassVar = {
        "User-Agent": "Okta SCIM Client 1.0.0",
        "Accept": "application/scim+json",
        "Content-Type": "application/scim+json; charset=utf-8",
    }
    NOT_REPEATED: ClassVar = frozenset({503})

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._linkable: dict[str, str] = {}

    @override
    async def probe(self) -> None:
        """Two constant requests; groups that are there can be linked instead of pushed anew."""
        kind = "test of the connection"
        judge_list(
            self.report, kind, await self.wire.ask(kind, "GET", "Users?startIndex=1&count=2")
        )
        answer = await self.wire.ask(kind, "GET", f"Groups?startIndex=1&count={_PAGE}")
        listed = judge_list(self.report, kind, answer)
        self._linkable = {str(each.get("displayName")): str(each.get("id")) for each in listed}

    @override
    async def sync(self, company: Company) -> None:
        """Nothing is sent about what did not change; but every sync imports what is there."""
        await super().sync(company)
        await self._import()

    async def _import(self) -> None:
        """Import users by hundreds: everybody who was pushed must be found (`count=100`)."""
        kind, at, total = "import of users", 1, 1
        seen: dict[str, Body] = {}
        while at <= total:
            path = f"Users?startIndex={at}&count={_PAGE}"
            answer = await self.wire.ask(kind, "GET", path)
            page = judge_list(self.report, kind, answer)
            if not page:
                break
            seen |= {str(each.get("id")): each for each in page}
            total = int((answer.body or {}).get("totalResults", 0))
            at += len(page)
        for pushed in self.users.values():
            found = seen.get(pushed.id)
            if found is None:
                self.report.surprise(kind, "does not find somebody who was pushed", pushed.id)
            elif found.get("active") is not pushed.person.active:
                self.report.surprise(kind, "shows another active than was pushed", str(found))

    @override
    def search(self, endpoint: str, where: str) -> str:
        return f"{endpoint}?filter={where}&startIndex=1&count={_PAGE}"

    @override
    async def create_user(self, person: Person) -> str | None:
        """With attributes that nobody asked for."""
        body = user(person) | {"password": "1mz050nq", "groups": [], "locale": "en-US"}
        return (await self.write("POST of a user", "POST", "Users", body, {201}))[1]

    @override
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        answer, _ = await self.write("PUT of a user", "PUT", f"Users/{pushed.id}", user(person))
        return answer.ok

    @override
    async def deactivate(self, person: Person, pushed: PushedUser) -> bool:
        return await self._activate(pushed, active=False)

    @override
    async def reactivate(self, person: Person, pushed: PushedUser) -> bool:
        """Its look-up finds the inactive person, and it sends everything with `active: true`."""
        found = await self.look_up(pushed.person)
        if found != pushed.id:
            self.report.surprise("look-up of a user", "does not find an inactive person")
        return await self.update_user(person, pushed)

    async def _activate(self, pushed: PushedUser, *, active: bool) -> bool:
        change = {"op": "replace", "value": {"active": active}}
        kind, path = "PATCH of active", f"Users/{pushed.id}"
        body = {"schemas": [PATCH], "Operations": [change]}
        answer = await self.wire.ask(kind, "PATCH", path, body, expects={200, 204})
        judge(self.report, kind, answer, {"active": active})
        return answer.ok

    @override
    async def delete_user(self, person_id: str) -> None:
        """Okta deletes nobody: who is deleted there stays inactive here."""

    @override
    async def create_group(self, group: Group) -> str | None:
        if (there := self._linkable.pop(group.name, None)) is not None:
            return there
        body = {"schemas": [GROUP], "displayName": group.name, "members": []}
        return (await self.write("POST of a group", "POST", "Groups", body, {201}))[1]

    @override
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        """Each change of members renames the group, too."""
        rename = {"op": "replace", "value": {"id": pushed.id, "displayName": group.name}}
        left = self.ids(pushed.members - wanted)
        joined = [*hundreds(self.ids(wanted - pushed.members))]
        removals: list[Body] = [
            {"op": "remove", "path": f'members[value eq "{each}"]'} for each in left
        ]
        adds: list[Body] = [
            {"op": "add", "path": "members", "value": [{"value": each} for each in some]}
            for some in joined
        ]
        changes = [removals] if removals else []
        changes += [[each] for each in adds]
        done = True
        for change in changes or [[]]:
            done &= await self._patch_group(pushed, [rename, *change])
        return done

    async def _patch_group(self, pushed: PushedGroup, operations: list[Body]) -> bool:
        body = {"schemas": [PATCH], "Operations": operations}
        kind, path = "PATCH of a group", f"Groups/{pushed.id}"
        answer = await self.wire.ask(kind, "PATCH", path, body, expects={200, 204})
        judge(self.report, kind, answer, {"displayName": operations[0]["value"]["displayName"]})
        return answer.ok
