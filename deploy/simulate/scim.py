"""What IdPs that write SCIM have in common: they remember what they pushed, and push what differs.

Each provider says in its own module in which requests it does so.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Final

from msgspec import Struct

from deploy.simulate.company import Company, Group, Person
from deploy.simulate.judging import ENTERPRISE, GROUP, USER
from deploy.simulate.requests import Requests, equal
from deploy.simulate.wire import Body, Wire

AT_ONCE: Final = 8
"""Requests at once, where `--at-once` is not given: no provider says how many it sends."""
JSON: Final = {"Accept": "application/scim+json", "Content-Type": "application/scim+json"}
"""Headers of a client that keeps to RFC 7644 §3.1."""


class PushedUser(Struct):
    """What the IdP knows of somebody at the target."""

    id: str
    """At the target."""
    person: Person
    """As last pushed."""
    manager: str | None = None
    """The id at the target of the manager, where that was pushed by a request of its own."""


class PushedGroup(Struct):
    """What the IdP knows of a group at the target."""

    id: str
    """At the target."""
    name: str
    members: set[str]
    """Ids of people at the IdP."""


class ScimIdp(ABC):
    """An IdP that brings a SCIM server to the company's truth."""

    NAME: ClassVar[str]
    HEADERS: ClassVar[Mapping[str, str]] = JSON
    NOT_REPEATED: ClassVar[frozenset[int]] = frozenset()
    """Statuses after which nothing says that it tries again."""
    WITHDRAWS_GROUPS: ClassVar[bool] = True
    """Whether it deletes a group that it does not push any more."""
    DELETES_USERS: ClassVar[bool] = True
    """Whether it deletes somebody who is gone for good; else they stay inactive."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.requests = Requests(wire)
        self.users: dict[str, PushedUser] = {}
        """By the IdP's id."""
        self.groups: dict[str, PushedGroup] = {}
        """By the IdP's id."""

    @abstractmethod
    async def probe(self) -> None:
        """Test the connection, as an administrator does it before anything else."""

    async def sync(self, company: Company) -> None:
        """Bring the target to the truth.  What failed before is tried again."""
        await self.sync_people(company)
        gone = [each for each in self.groups if each not in company.groups]
        if self.WITHDRAWS_GROUPS:
            await self.wire.each(self._withdraw, gone)
        await self.wire.each(lambda each: self._sync_group(each, company), company.groups.values())

    async def sync_people(self, company: Company) -> None:
        """Create, change, deactivate and delete users; managers once everybody is there."""
        await self.wire.each(self._sync_person, company.people.values())
        gone = [each for each in self.users if each not in company.people]
        if self.DELETES_USERS:
            await self.wire.each(self._delete, gone)
        await self.wire.each(self._refer, [*self.users.values()])

    async def _sync_person(self, person: Person) -> None:
        pushed = self.users.get(person.id)
        if pushed is None:
            if person.active:
                await self._first_push(person)
            return
        done = True
        if person.active != pushed.person.active:
            turn = self.reactivate if person.active else self.deactivate
            done = await turn(person, pushed)
        elif person == pushed.person:
            done = await self.look_again(person, pushed)
        elif person.active:
            done = await self.update_user(person, pushed)
        if done:
            pushed.person = person

    async def _first_push(self, person: Person) -> None:
        found = await self.look_up(person)
        if found is None:
            created = await self.create_user(person)
            if created is not None:
                self.users[person.id] = PushedUser(created, person)
            return
        linked = PushedUser(found, person)
        if await self.link(person, linked):
            self.users[person.id] = linked

    async def _refer(self, pushed: PushedUser) -> None:
        manager = self.users.get(pushed.person.manager or "")
        if not pushed.person.active or manager is None or manager.id == pushed.manager:
            return
        change = self.manager_change(manager.id)
        if change is not None and await self.requests.patch(f"Users/{pushed.id}", change):
            pushed.manager = manager.id

    async def _delete(self, person_id: str) -> None:
        if await self.requests.delete(f"Users/{self.users[person_id].id}"):
            del self.users[person_id]

    async def _withdraw(self, group_id: str) -> None:
        if await self.requests.delete(f"Groups/{self.groups[group_id].id}"):
            del self.groups[group_id]

    async def _sync_group(self, group: Group, company: Company) -> None:
        """Inactive people are not pushed into groups, and those who are in one stay (§C4)."""
        pushed = self.groups.get(group.id)
        if pushed is None:
            created = await self.create_group(group)
            if created is None:
                return
            pushed = self.groups[group.id] = PushedGroup(created, group.name, set())
        known = {each for each in group.members if each in self.users}
        wanted = {each for each in known if company.people[each].active or each in pushed.members}
        # Whoever was deleted is in no group of the target any more.
        pushed.members &= self.users.keys() & company.people.keys()
        if (group.name, wanted) == (pushed.name, pushed.members):
            await self.look_at_group(group, pushed)
        elif await self.update_group(group, pushed, wanted):
            pushed.name, pushed.members = group.name, wanted

    # --- what each provider does in its own way

    async def look_up(self, person: Person) -> str | None:
        """Whether somebody is there already; the id at the target."""
        path = f"Users?filter={equal('userName', person.email)}"
        return await self.requests.find("look-up of a user", path)

    async def link(self, person: Person, pushed: PushedUser) -> bool:
        """Take over somebody whom the look-up found; whether it worked."""
        return await self.update_user(person, pushed)

    async def create_user(self, person: Person) -> str | None:
        """The id at the target; None if it failed."""
        return await self.requests.post("Users", user(person))

    def manager_change(self, manager_id: str) -> Body | None:  # noqa: ARG002
        """The PATCH operation that names somebody's manager; None where that is not sent."""
        return None

    @abstractmethod
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        """Push what changed about somebody who is active; whether it worked."""

    async def deactivate(self, person: Person, pushed: PushedUser) -> bool:
        """Somebody may not log in any more; whether it worked."""
        return await self.update_user(person, pushed)

    async def reactivate(self, person: Person, pushed: PushedUser) -> bool:
        """Somebody may log in again; whether it worked."""
        return await self.update_user(person, pushed)

    async def look_again(self, person: Person, pushed: PushedUser) -> bool:  # noqa: ARG002
        """What is asked about somebody of whom there is no news; whether it went well."""
        return True

    async def create_group(self, group: Group) -> str | None:
        """Make a group without members, or find it; its id at the target, None if it failed."""
        there = await self.look_up_group(group)
        return there or await self.requests.post("Groups", self.new_group(group))

    async def look_up_group(self, group: Group) -> str | None:
        """Whether a group is there already; the id at the target."""
        path = f"Groups?filter={equal('displayName', group.name)}"
        return await self.requests.find("look-up of a group", path)

    def new_group(self, group: Group) -> Body:
        """What is sent about a group that is made."""
        return {"schemas": [GROUP], "externalId": group.id, "displayName": group.name}

    @abstractmethod
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        """Push name and members (ids at the IdP) that changed; whether all of it worked."""

    async def look_at_group(self, group: Group, pushed: PushedGroup) -> bool:  # noqa: ARG002
        """What is asked about a group of which there is no news; whether it went well."""
        return True

    def ids(self, people: Iterable[str]) -> list[str]:
        """Ids at the target, in a fixed order."""
        return [self.users[each].id for each in sorted(people)]


def hundreds(values: Sequence[str]) -> Iterator[list[str]]:
    """Values by hundreds, as Okta sends members."""
    for start in range(0, len(values), 100):
        yield [*values[start : start + 100]]


def user(person: Person) -> Body:
    """What most providers send about somebody."""
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": person.id,
        "userName": person.email,
        "name": {"givenName": person.first_name, "familyName": person.last_name},
        "displayName": person.name,
        "emails": [{"value": person.email, "type": "work", "primary": True}],
        "title": person.title,
        "active": person.active,
        ENTERPRISE: {"department": person.department},
    }


def member_changes(left: Iterable[str], joined: Sequence[str]) -> list[Body]:
    """PATCH operations as the RFC has them: who left, and then who joined, by hundreds."""
    removals: list[Body] = [
        {"op": "remove", "path": f'members[value eq "{each}"]'} for each in left
    ]
    adds: list[Body] = [
        {"op": "add", "path": "members", "value": [{"value": each} for each in some]}
        for some in hundreds(joined)
    ]
    return removals + adds
