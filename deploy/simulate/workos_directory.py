"""IdPs behind WorkOS: signed webhooks about what differs (idp-facts §§1.1-1.3)."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from msgspec import Struct

from deploy.simulate.company import Company, Person
from deploy.simulate.wire import Wire
from deploy.simulate.workos import Event, delivered, events, group, new_id, sign, stamp, user

AT_ONCE: Final = 32
"""Webhooks at once, where `--at-once` is not given: WorkOS does not limit its deliveries."""
ORGANIZATION: Final = "org_01SIMULATED0000000000000000"

_APART: Final = timedelta(milliseconds=1)
_AGAIN: Final = 5  # deliveries that are repeated where there is no news

Edge = tuple[str, str]
"""Ids of a group and of a person at the IdP."""


class Connection(Struct, frozen=True, kw_only=True):
    """What WorkOS knows about the endpoint."""

    directory_id: str
    """The directory's id at WorkOS."""
    secret: str
    """What webhooks are signed with."""
    path: str
    """Of the endpoint, below the base URL."""


class WorkosDirectory:
    """A directory with the secure flow, which is the default since 2023.

    Whoever may not log in any more is deleted, and comes back under a new id.
    """

    NAME: ClassVar[str]
    NAMES_GROUPS: ClassVar[bool] = False
    """Whether a group's id at the IdP is its name, and changes with it."""
    FILTERS: ClassVar[bool] = False
    """Whether only people in groups are shown."""
    REJOINS_LATE: ClassVar[bool] = False
    """Whether who returns comes back into groups only with the sync after that."""

    def __init__(self, wire: Wire, connection: Connection, rng: random.Random) -> None:
        """Nothing is sent yet; `rng` makes the ids and the disorder of deliveries."""
        self.wire = wire
        self.users: dict[str, Event] = {}
        """By the IdP's id."""
        self.groups: dict[str, Event] = {}
        """By the IdP's id."""
        self.edges: set[Edge] = set()
        self._connection = connection
        self._place = {
            "directory_id": connection.directory_id,
            "organization_id": ORGANIZATION,
        }
        self._rng = rng
        self._known: set[str] = set()
        self._last = datetime.now(UTC)
        self._sent: list[Event] = []

    async def probe(self) -> None:
        """The directory is activated."""
        directory = {
            "object": "directory",
            "id": self._connection.directory_id,
            "organization_id": ORGANIZATION,
            "type": "okta scim v2.0",
            "state": "active",
            "name": "Simulated",
            "external_key": "ext_01SIMULATED",
            "domains": [],
        }
        await self._post(*events(self._rng, "dsync.activated", [directory], self._clock()))

    async def sync(self, company: Company) -> None:
        """Send what differs, late and out of order; and repeats, where nothing does."""
        told = [*self._differences(company)]
        if told:
            await self.wire.each(self._post, delivered(self._rng, told))
            self._sent = told
            return
        again = self._rng.sample(self._sent, min(_AGAIN, len(self._sent)))
        await self.wire.each(self._post_again, again)

    def shows(self, company: Company, person: Person) -> bool:
        """Whether somebody is in the directory."""
        within = any(person.id in each.members for each in company.groups.values())
        return person.active and (within or not self.FILTERS)

    def _differences(self, company: Company) -> Iterator[Event]:
        shown = {each.id: each for each in company.people.values() if self.shows(company, each)}
        returned = {each for each in shown.keys() - self.users.keys() if each in self._known}
        yield from self._about_people(shown)
        yield from self._about_groups(company)
        late = returned if self.REJOINS_LATE else set()
        wanted = {
            (at, each)
            for at, group in company.groups.items()
            for each in group.members & shown.keys() - late
        }
        yield from self._told("group.user_removed", self._pairs(self.edges - wanted))
        yield from self._told("group.user_added", self._pairs(wanted - self.edges))
        self.edges = wanted

    def _about_people(self, shown: dict[str, Person]) -> Iterator[Event]:
        gone = [each for each in self.users if each not in shown]
        # Memberships of who is deleted, and of deleted groups, end without a word (§1.2).
        self.edges = {edge for edge in self.edges if edge[1] in shown}
        yield from self._told("user.deleted", [self.users.pop(each) for each in gone])
        self._known |= shown.keys()
        yield from self._news(
            "user", self.users, {at: self._user(each, shown) for at, each in shown.items()}
        )

    def _user(self, person: Person, shown: dict[str, Person]) -> Event:
        manager = shown.get(person.manager or "")
        return user(
            (person.first_name, person.last_name, person.email),
            workos_id="",
            idp_id=person.id,
            place=self._place,
            job_title=person.title,
            department_name=person.department,
            manager_email=manager.email if manager else None,
        )

    def _about_groups(self, company: Company) -> Iterator[Event]:
        gone = [each for each in self.groups if each not in company.groups]
        self.edges = {edge for edge in self.edges if edge[0] in company.groups}
        yield from self._told("group.deleted", [self.groups.pop(each) for each in gone])
        shown = {
            each.id: group(
                each.name,
                workos_id="",
                idp_id=each.name if self.NAMES_GROUPS else each.id,
                place=self._place,
            )
            for each in company.groups.values()
        }
        yield from self._news("group", self.groups, shown)

    def _news(self, noun: str, known: dict[str, Event], shown: dict[str, Event]) -> Iterator[Event]:
        """What was created and updated among those that are there."""
        created: list[Event] = []
        updated: list[Event] = []
        for at, now in shown.items():
            was = known.get(at)
            if was is None:
                known[at] = now | {"id": new_id(self._rng, f"directory_{noun}")}
                created.append(known[at])
                continue
            previous = {name: was[name] for name in now if name != "id" and was[name] != now[name]}
            if previous:
                times = {"created_at": was["created_at"], "updated_at": next(self._clock())}
                known[at] = now | {"id": was["id"]} | times
                updated.append(known[at] | {"previous_attributes": previous})
        yield from self._told(f"{noun}.created", created)
        yield from self._told(f"{noun}.updated", updated)

    def _pairs(self, edges: Iterable[Edge]) -> list[Event]:
        return [
            {"directory_id": self._connection.directory_id}
            | {"user": self.users[person], "group": self.groups[at]}
            for at, person in sorted(edges)
        ]

    def _told(self, kind: str, subjects: Iterable[Event]) -> Iterator[Event]:
        return events(self._rng, f"dsync.{kind}", subjects, self._clock())

    def _clock(self) -> Iterator[str]:
        """Times that only grow, whatever our own clock does."""
        while True:
            self._last = max(self._last + _APART, datetime.now(UTC))
            yield stamp(self._last)

    async def _post(self, event: Event, *, reads: bool = False) -> None:
        def signature(body: bytes) -> dict[str, str]:
            return {"WorkOS-Signature": sign(body, self._connection.secret, datetime.now(UTC))}

        kind, path = event["event"], self._connection.path
        await self.wire.ask(kind, "POST", path, event, headers=signature, reads=reads)

    async def _post_again(self, event: Event) -> None:
        """A repeat of what was delivered before, which must change nothing."""
        await self._post(event, reads=True)


class WorkosOkta(WorkosDirectory):
    """Okta: a group has no id but its name."""

    NAME: ClassVar = "workos:okta"
    NAMES_GROUPS: ClassVar = True


class WorkosEntra(WorkosDirectory):
    """Entra: who returns is in no group until provisioning is restarted."""

    NAME: ClassVar = "workos:entra"
    REJOINS_LATE: ClassVar = True


class WorkosGoogle(WorkosDirectory):
    """Google: who is in none of the groups is deleted."""

    NAME: ClassVar = "workos:google"
    FILTERS: ClassVar = True
