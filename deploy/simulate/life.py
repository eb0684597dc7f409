"""What happens in a company: pure and seeded, each step gives the next truth."""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from deploy.simulate.company import DEPARTMENTS, TITLES, Company, Group, Person
from deploy.simulate.workos import name_of

TOUCHED: Final = 0.02
"""The share of people whom one step touches; at least three.

It stays below what a tenant's breaker takes for a mistake (access-rules §5).
"""
LEAST_TOUCHED: Final = 3
"""People whom one step touches at least, where there are so many."""
MOST_TOUCHED: Final = 40
"""People whom one step touches at most."""

Step = Callable[[Company, random.Random], Company]
"""Something that happens."""


def renamed(company: Company, rng: random.Random) -> Company:
    """People take another family name, and with it another login and address."""
    return _with(company, (_remarried(each, rng) for each in _some(company.active(), rng)))


def moved(company: Company, rng: random.Random) -> Company:
    """People get another department, title and manager, and a mobile phone."""
    bosses = [each.id for each in company.active()]
    return _with(
        company,
        (
            replace(
                each,
                department=rng.choice([d for d in DEPARTMENTS if d != each.department]),
                title=rng.choice([t for t in TITLES if t != each.title]),
                manager=rng.choice([b for b in bosses if b != each.id] or [None]),
                mobile=f"+1 206 555 {rng.randrange(10_000):04}",
            )
            for each in _some(company.active(), rng)
        ),
    )


def regrouped(company: Company, rng: random.Random) -> Company:
    """People leave one group for another."""
    groups = company.groups
    movers = [
        each
        for each in company.active()
        if 0 < sum(each.id in group.members for group in groups.values()) < len(groups)
    ]
    for person in _some(movers, rng):
        inside = [each for each in groups.values() if person.id in each.members]
        outside = [each for each in groups.values() if person.id not in each.members]
        left, joined = rng.choice(inside), rng.choice(outside)
        groups = groups | {
            left.id: replace(left, members=left.members - {person.id}),
            joined.id: replace(joined, members=joined.members | {person.id}),
        }
    return replace(company, groups=groups)


def group_renamed(company: Company, rng: random.Random) -> Company:
    """A group gets another name."""
    groups = company.groups.values()
    return replace(
        company,
        groups=company.groups
        | {
            each.id: replace(each, name=f"{each.name} {rng.randrange(100)}")
            for each in [*groups][-1:]
        },
    )


def departed(company: Company, rng: random.Random) -> Company:
    """People leave: they may not log in any more, and the IdP still knows them."""
    return _with(company, (replace(each, active=False) for each in _some(company.active(), rng)))


def returned(company: Company, rng: random.Random) -> Company:
    """Half of those who left, at least one, come back as the people they were."""
    gone = [each for each in company.people.values() if not each.active]
    back = rng.sample(gone, (len(gone) + 1) // 2)
    return _with(company, (replace(each, active=True) for each in back))


def withdrawn(company: Company, rng: random.Random) -> Company:
    """A group is not pushed any more."""
    gone = {
        each.id: each
        for each in rng.sample([*company.groups.values()], min(1, len(company.groups)))
    }
    return replace(
        company,
        groups={at: each for at, each in company.groups.items() if at not in gone},
        withdrawn=company.withdrawn | gone,
    )


def pushed_again(company: Company, _: random.Random) -> Company:
    """Groups that were withdrawn are pushed again."""
    return replace(company, groups=company.groups | company.withdrawn, withdrawn={})


def forgotten(company: Company, _: random.Random) -> Company:
    """Who left is deleted for good, also from groups (Entra: 30 days later)."""
    gone = {each.id for each in company.people.values() if not each.active}

    def without(groups: dict[str, Group]) -> dict[str, Group]:
        return {at: replace(each, members=each.members - gone) for at, each in groups.items()}

    return Company(
        people={at: each for at, each in company.people.items() if at not in gone},
        groups=without(company.groups),
        withdrawn=without(company.withdrawn),
    )


LIFE: Final[dict[str, Step]] = {
    "renames": renamed,
    "moves": moved,
    "group moves": regrouped,
    "a renamed group": group_renamed,
    "departures": departed,
    "returns": returned,
    "a withdrawn group": withdrawn,
    "the group pushed again": pushed_again,
    "deletions for good": forgotten,
}
"""What happens after the first day, in order."""


def life(company: Company, seed: int) -> Iterator[tuple[str, Company]]:
    """What happens, and the truth after each of it."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
    for name, step in LIFE.items():
        company = step(company, rng)
        yield name, company


def _remarried(person: Person, rng: random.Random) -> Person:
    last = f"{person.last_name}-{name_of(rng.randrange(1_600))[1]}"
    local, _, domain = person.email.partition("@")
    return replace(person, last_name=last, email=f"{local}-{rng.randrange(10_000)}@{domain}")


def _some(people: list[Person], rng: random.Random) -> list[Person]:
    count = min(len(people), MOST_TOUCHED, max(LEAST_TOUCHED, round(TOUCHED * len(people))))
    return rng.sample(people, count)


def _with(company: Company, changed: Iterable[Person]) -> Company:
    return replace(company, people=company.people | {each.id: each for each in changed})
