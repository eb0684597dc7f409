"""OneLogin, as a log of it shows (idp-facts §4.1, authentik#11249)."""

from typing import ClassVar, Final
from urllib.parse import quote_plus

from typing_extensions import override

from deploy.simulate.company import Group, Person
from deploy.simulate.judging import ENTERPRISE, GROUP
from deploy.simulate.scim import PushedGroup, PushedUser, ScimIdp, member_changes, user
from deploy.simulate.wire import Body

SCHEMAS: Final = ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"]
"""URNs that no RFC knows."""


class OneLogin(ScimIdp):
    """PUT for users, to a URL that ends in `?`; it suspends, and never withdraws a group."""

    NAME: ClassVar = "onelogin"
    WITHDRAWS_GROUPS: ClassVar = False

    @override
    async def probe(self) -> None:
        await self._find("test of the connection", "Users", "userName", "nobody@example.invalid")

    @override
    async def look_up(self, person: Person) -> str | None:
        return await self._find("look-up of a user", "Users", "userName", person.email)

    async def _find(self, kind: str, endpoint: str, attribute: str, value: str) -> str | None:
        where = quote_plus(f'{attribute} eq "{value}"')
        return await self.requests.find(kind, f"{endpoint}?filter={where}&")

    @override
    async def create_user(self, person: Person) -> str | None:
        return await self.requests.post("Users", _user(person))

    @override
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        return await self.requests.put(f"Users/{pushed.id}?", _user(person))

    @override
    async def look_up_group(self, group: Group) -> str | None:
        return await self._find("look-up of a group", "Groups", "displayName", group.name)

    @override
    def new_group(self, group: Group) -> Body:
        return {"schemas": [GROUP], "displayName": group.name}

    @override
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        left, joined = pushed.members - wanted, wanted - pushed.members
        changes = member_changes(self.ids(left), self.ids(joined))
        if group.name != pushed.name:
            changes.insert(0, {"op": "replace", "path": "displayName", "value": group.name})
        return await self.requests.patch(f"Groups/{pushed.id}", *changes)


def _user(person: Person) -> Body:
    """Without the extension: what stands in it is up to the administrator's template."""
    body = user(person) | {"schemas": SCHEMAS}
    del body[ENTERPRISE]
    return body
