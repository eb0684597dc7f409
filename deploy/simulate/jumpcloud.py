"""JumpCloud's custom app that exports users (idp-facts §§4.1, C4)."""

from typing import ClassVar

from typing_extensions import override

from deploy.simulate.company import Group, Person
from deploy.simulate.judging import GROUP
from deploy.simulate.scim import PushedGroup, PushedUser, ScimIdp, hundreds, user
from deploy.simulate.wire import Body


class JumpCloud(ScimIdp):
    """Looks before each write; groups that are disconnected are not deleted."""

    NAME: ClassVar = "jumpcloud"
    WITHDRAWS_GROUPS: ClassVar = False

    @override
    async def probe(self) -> None:
        """A test user and a test group are made, and deleted again."""
        tester = Person(
            id="test-user",
            first_name="Test",
            last_name="User",
            email="jumpcloud-test@example.com",
            department="Test",
            title="Test",
            manager=None,
        )
        user_id = await self.look_up(tester) or await self.create_user(tester)
        group_id = await self.create_group(Group(id="", name="JumpCloud Test", members=frozenset()))
        if user_id is not None:
            await self.requests.get(f"Users/{user_id}", {"userName": tester.email})
        if user_id is not None and group_id is not None:
            await self.requests.patch(f"Groups/{group_id}", _change("add", [user_id]))
        if group_id is not None:
            await self.requests.delete(f"Groups/{group_id}")
        if user_id is not None:
            await self.requests.delete(f"Users/{user_id}")

    @override
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        if await self.look_up(pushed.person) != pushed.id:
            self.requests.surprise("look-up of a user", "does not find who was pushed")
        return await self.requests.put(f"Users/{pushed.id}", user(person))

    @override
    def new_group(self, group: Group) -> Body:
        return {"schemas": [GROUP], "displayName": group.name}

    @override
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        left, joined = pushed.members - wanted, wanted - pushed.members
        changes = [_change("remove", some) for some in hundreds(self.ids(left))]
        changes += [_change("add", some) for some in hundreds(self.ids(joined))]
        if group.name != pushed.name:
            changes.insert(0, {"op": "replace", "path": "displayName", "value": group.name})
        return await self.requests.patch(f"Groups/{pushed.id}", *changes)


def _change(op: str, members: list[str]) -> Body:
    """A removal names its members in its value, as Entra's does, and not in its path."""
    return {"op": op, "path": "members", "value": [{"value": each} for each in members]}
