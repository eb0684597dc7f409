"""PingOne: PUT, and nothing but PUT (idp-facts §4.1)."""

from typing import ClassVar

from typing_extensions import override

from deploy.simulate.company import Group, Person
from deploy.simulate.requests import equal
from deploy.simulate.scim import PushedGroup, PushedUser, ScimIdp, user


class PingOne(ScimIdp):
    """Whole users, and whole groups with the setting that overwrites members."""

    NAME: ClassVar = "pingone"

    @override
    async def probe(self) -> None:
        """No test is documented; this is its look-up."""
        path = f"Users?filter={equal('userName', 'nobody@example.invalid')}"
        await self.requests.find("test of the connection", path)

    @override
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        return await self.requests.put(f"Users/{pushed.id}", user(person))

    @override
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        members = [{"value": each} for each in self.ids(wanted)]
        body = self.new_group(group) | {"members": members}
        return await self.requests.put(f"Groups/{pushed.id}", body)
