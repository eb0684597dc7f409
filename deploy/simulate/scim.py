"""What IdPs that write SCIM have in common: they remember what they pushed, and push what differs.

Each provider says in its own module in which requests it does so.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import quote

from msgspec import Struct

from deploy.simulate.company import Company, Group, Person
from deploy.simulate.judging import ENTERPRISE, USER, judge, judge_list
from deploy.simulate.report import Report
from deploy.simulate.wire import Answer, Body, Wire

AT_ONCE: Final = 8
"""Requests at once, where `--at-once` is not given: no provider says how many it sends."""


class PushedUser(Struct):
    """What the IdP knows of somebody at the target."""

    id: str
    """At the target."""
    person: Person
    """As last pushed."""
    refers: str | None = None
    """The id at the target of the manager who was pushed, where that is a request of its own."""


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
    HEADERS: ClassVar[Mapping[str, str]] = {}
    NOT_REPEATED: ClassVar[frozenset[int]] = frozenset()
    """Statuses after which nothing says that it tries again."""
    WITHDRAWS_GROUPS: ClassVar[bool] = True
    """Whether it deletes a group that it does not push any more."""
    CREATED: ClassVar[frozenset[int]] = frozenset({201})

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.users: dict[str, PushedUser] = {}
        """By the IdP's id."""
        self.groups: dict[str, PushedGroup] = {}
        """By the IdP's id."""

    @property
    def report(self) -> Report:
        """Where it notes what it stumbles over."""
        return self.wire.report

    @abstractmethod
    async def probe(self) -> None:
        """Test the connection, as an administrator does it before anything else."""

    async def sync(self, company: Company) -> None:
        """Bring the target to the truth.  What failed before is tried again."""
        await self.sync_people(company)
        gone = [each for each in self.groups if each not in company.groups]
        if self.WITHDRAWS_GROUPS:
            await self.wire.each(self.delete_group, gone)
        await self.wire.each(lambda each: self._sync_group(each, company), company.groups.values())

    async def sync_people(self, company: Company) -> None:
        """Create, change, deactivate and delete users."""
        await self.wire.each(self._sync_person, company.people.values())
        gone = [each for each in self.users if each not in company.people]
        await self.wire.each(self.delete_user, gone)

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

    async def _sync_group(self, group: Group, company: Company) -> None:
        """Inactive people are not pushed into groups, and those that are in it stay (C4)."""
        pushed = self.groups.get(group.id)
        if pushed is None:
            created = await self.create_group(group)
            if created is None:
                return
            pushed = self.groups[group.id] = PushedGroup(created, group.name, set())
        known = {each for each in group.members if each in self.users}
        wanted = {each for each in known if company.people[each].active or each in pushed.members}
        pushed.members &= self.users.keys()  # the target forgets those who were deleted
        if (group.name, wanted) == (pushed.name, pushed.members):
            await self.look_at_group(group, pushed)
        elif await self.update_group(group, pushed, wanted):
            pushed.name, pushed.members = group.name, wanted

    # --- what each provider does in its own way

    async def look_up(self, person: Person) -> str | None:
        """Whether somebody is there already; the id at the target."""
        return await self.found("look-up of a user", "Users", "userName", person.email)

    async def link(self, person: Person, pushed: PushedUser) -> bool:
        """Take over somebody whom the look-up found; whether it worked."""
        return await self.update_user(person, pushed)

    @abstractmethod
    async def create_user(self, person: Person) -> str | None:
        """The id at the target; None if it failed."""

    @abstractmethod
    async def update_user(self, person: Person, pushed: PushedUser) -> bool:
        """Push what changed about somebody who is active; whether it worked."""

    @abstractmethod
    async def deactivate(self, person: Person, pushed: PushedUser) -> bool:
        """Somebody may not log in any more; whether it worked."""

    async def reactivate(self, person: Person, pushed: PushedUser) -> bool:
        """Somebody may log in again; whether it worked."""
        return await self.update_user(person, pushed)

    async def delete_user(self, person_id: str) -> None:
        """Somebody is deleted at the IdP."""
        answer = await self.wire.ask(
            "DELETE of a user", "DELETE", f"Users/{self.users[person_id].id}", expects={204}
        )
        if answer.ok:
            del self.users[person_id]

    async def look_again(self, person: Person, pushed: PushedUser) -> bool:  # noqa: ARG002
        """What is asked about somebody of whom there is no news; whether it went well."""
        return True

    @abstractmethod
    async def create_group(self, group: Group) -> str | None:
        """Make a group without members; its id at the target, None if it failed."""

    @abstractmethod
    async def update_group(self, group: Group, pushed: PushedGroup, wanted: set[str]) -> bool:
        """Push name and members (ids at the IdP) that changed; whether all of it worked."""

    async def delete_group(self, group_id: str) -> None:
        """A group is not pushed any more."""
        answer = await self.wire.ask(
            "DELETE of a group", "DELETE", f"Groups/{self.groups[group_id].id}", expects={204}
        )
        if answer.ok:
            del self.groups[group_id]

    async def look_at_group(self, group: Group, pushed: PushedGroup) -> bool:  # noqa: ARG002
        """What is asked about a group of which there is no news; whether it went well."""
        return True

    # --- requests that several of them send

    async def write(
        self, kind: str, method: str, path: str, body: Body, expects: Iterable[int] = (200,)
    ) -> tuple[Answer, str | None]:
        """Send a resource, and judge what comes back; its id with it."""
        answer = await self.wire.ask(kind, method, path, body, expects=expects)
        return answer, judge(self.report, kind, answer, body if method != "PATCH" else {})

    async def found(self, kind: str, endpoint: str, attribute: str, value: str) -> str | None:
        """The id of the one resource with a value; a 404 is taken for none (idp-facts §4.1)."""
        where = quote(f'{attribute} eq "{value}"')
        answer = await self.wire.ask(kind, "GET", self.search(endpoint, where), expects={200, 404})
        matches = judge_list(self.report, kind, answer) if answer.status == 200 else []
        ids = [str(each["id"]) for each in matches if each.get("id")]
        return ids[0] if ids else None

    def search(self, endpoint: str, where: str) -> str:
        """The URL of a search; `where` is a percent-encoded filter."""
        return f"{endpoint}?filter={where}"

    def ids(self, people: Iterable[str]) -> list[str]:
        """Ids at the target, in a fixed order."""
        return [self.users[each].id for each in sorted(people)]


def hundreds(values: Sequence[str]) -> Iterator[list[str]]:
    """Values by hundreds, as Okta sends members."""
    for start in range(0, len(values), 100):
        yield [*values[start : start + 100]]


def user(person: Person) -> Body:
    """What all providers send about somebody."""
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
