"""An invented company: pure and seeded, the same seed gives the same people and groups."""

import random
from typing import Final

from msgspec import Struct

from deploy.simulate.workos import GROUPS, MORE, name_of

DEPARTMENTS: Final = ("Engineering", "Sales", "Marketing", "Support", "Finance", "People")
TITLES: Final = ("Analyst", "Engineer", "Lead", "Manager")
_DIRECT_REPORTS: Final = 8
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class Person(Struct, frozen=True, kw_only=True):
    """Somebody as the IdP knows them."""

    id: str
    """The IdP's own id, which never changes."""
    first_name: str
    last_name: str
    email: str
    """The login, too."""
    department: str
    title: str
    manager: str | None
    """The id of a person."""
    mobile: str | None = None
    active: bool = True

    @property
    def name(self) -> str:
        """As people say it."""
        return f"{self.first_name} {self.last_name}"


class Group(Struct, frozen=True, kw_only=True):
    """A group that the IdP pushes."""

    id: str
    """The IdP's own id, which stays when the group is pushed again."""
    name: str
    members: frozenset[str]
    """Ids of people; those who departed stay in it until they are forgotten."""


class Company(Struct, frozen=True, kw_only=True):
    """The truth at one moment."""

    people: dict[str, Person]
    groups: dict[str, Group]
    withdrawn: dict[str, Group]
    """Groups that the IdP does not push any more, and may push again."""

    def active(self) -> list[Person]:
        """Who may log in."""
        return [person for person in self.people.values() if person.active]


def founded(seed: int, people: int, groups: int) -> Company:
    """A company on its first day.

    Args:
        seed: another one gives other ids and other memberships.
        people: how many, all of them active.
        groups: how many; each has at least one person, where there are any.
    """
    rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
    ids = [f"00u{_random(rng)}" for _ in range(people)]
    staff = {each: _hired(rng, at, ids) for at, each in enumerate(ids)}
    made = [_group(rng, number, ids) for number in range(groups)]
    return Company(people=staff, groups={each.id: each for each in made}, withdrawn={})


def _hired(rng: random.Random, number: int, ids: list[str]) -> Person:
    first, last, email = name_of(number)
    return Person(
        id=ids[number],
        first_name=first,
        last_name=last,
        email=email,
        department=rng.choice(DEPARTMENTS),
        title=rng.choice(TITLES),
        manager=ids[(number - 1) // _DIRECT_REPORTS] if number else None,
    )


def _group(rng: random.Random, number: int, ids: list[str]) -> Group:
    name, share = GROUPS[number] if number < len(GROUPS) else (f"Team {number + 1}", MORE)
    inside = [each for each in ids if rng.random() < share]
    members = frozenset(inside or ids[:1])
    return Group(id=f"00g{_random(rng)}", name=name, members=members)


def _random(rng: random.Random) -> str:
    return "".join(rng.choices(_ALPHABET, k=17))
