"""Everything at once, while IdPs write by SCIM and repeat themselves until they are answered."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import httpx2
import pytest

from tests.harness import Stage, World
from tests.scim.idp import Admin, Body
from tests.storm import scim_truth, truth
from tests.storm.fleet import fleet
from tests.storm.logs import logs
from tests.storm.scim_clients import Clients, Line
from tests.storm.scim_idp import Idp, Step, Talk, Traffic
from tests.storm.scim_truth import GRANTS, Company, Group, Person
from tests.storm.shelter import Shelter, shelter
from tests.storm.storm import BACKENDS, HARMS, Storm
from tests.storm.test_storm import NAMES, launch

pytestmark = [pytest.mark.storm, pytest.mark.timeout(1200)]
PROVIDERS: Final = ("okta", "entra", "generic", "entra", "okta", "generic")
OF_ALL: Final = 4
"""A SCIM write is a request and its answer: so many times fewer people than by webhooks."""
PER_SECOND: Final = 40.0
SOME: Final = 6
"""Writes that wait for a process before it is woken; every client waits for its answer."""
PUSHED: Final = ("Studio", "Visitors")
"""Groups whose members are always told whole."""
MAPPED: Final = [name for name in GRANTS if name not in PUSHED]
TEAMS: Final = ("Team 1", "Team 2")
"""Made during the storm, and renamed."""
KILLS: Final[dict[Stage, int]] = {"processors": 9, "sinks": 7, "gateway": 9}
FREEZES: Final[dict[Stage, int]] = {"processors": 3, "sinks": 2}
CRASHES: Final = 2
LINKS_HARMED: Final = 2
LATE: Final = 5
"""Gateways killed while what they sent is on its way."""
BACKENDS_ENDED: Final = 7
BETWEEN_LOGINS: Final = 8
"""Blows between two times at which everybody logs in."""


def test_what_idps_say_survives_everything(tmp_path: Path, seed: int, people: int) -> None:
    rng = random.Random(seed)
    companies = [Company(number, provider) for number, provider in enumerate(PROVIDERS)]
    each = people // OF_ALL // len(companies)
    with (
        shelter(tmp_path, NAMES) as (sheltered, world),
        fleet(world) as ships,
        logs(world) as read,
    ):
        urls = launch(ships, sheltered)
        traffic = Traffic(list(urls.values()))
        lines = [line for company in companies for line in lines_of(company, seed, each)]
        set_up(companies, world, traffic)
        storm = Storm(ships, read, rng, some=SOME)
        clients = Clients(traffic, lines, random.Random(seed), PER_SECOND)
        blows = blows_of(storm, sheltered, traffic, urls)
        rng.shuffle(blows)
        opened: set[truth.Opened] = set()
        with clients.running():
            for number, blow in enumerate(blows):
                clients.share = (number + 2) / len(blows)
                blow()
                storm.until(partial(clients.has_got, number / len(blows)))
                if number % BETWEEN_LOGINS == BETWEEN_LOGINS - 1:
                    opened |= truth.open_sessions(world, number)
            storm.until(partial(clients.has_got, 1.0))
            storm.until(clients.is_quiet)
        storm.until_it_is_over()
        storm.tell()
        print(f"  {clients.acknowledged} steps, {dict(sorted(traffic.counts.items()))}")
        print(f"  outcomes: {scim_truth.outcomes(world)}")
        assert sum(storm.hits[f"{stage} killed"] for stage in KILLS) == sum(KILLS.values()) + LATE
        scim_truth.all_is_as_the_idps_say(world, companies, opened)
        assert not traffic.odd, scim_truth.story(traffic.odd[0])


def set_up(companies: Sequence[Company], world: World, traffic: Traffic) -> None:
    """Through the admin API; groups that are mapped, and one administrator who stays, by SCIM."""
    headers = {"Authorization": f"Bearer {world.settings.require_admin_token()}"}
    with (
        httpx2.Client(base_url=world.settings.url, headers=headers, timeout=60) as http,
        closing(Talk(traffic)) as talk,
    ):
        for company in companies:
            admin, idp = Admin(http, company.tenant_id), Idp(company)
            admin.open()
            admin.put("/policy", sole_admin="block", breaker="off")
            company.directory_id = admin.directory(company.provider)
            path = f"/directories/{company.directory_id}"
            company.token = admin.post(f"{path}/tokens")["token"]
            for name, grant in GRANTS.items():
                idp.push(company.groups[name], [], talk)
                admin.put(f"{path}/mappings/{company.groups[name].id}", **grant)
            chief = company.people["chief"]
            idp.create(chief, {}, talk)
            idp.move(company.groups["Admins"], [chief], [], talk)


def lines_of(company: Company, seed: int, people: int) -> list[Line]:
    """What happens at a company, whose groups and people it makes."""
    rng, idp = random.Random(f"{seed} {company.tenant_id}"), Idp(company)
    groups = company.groups
    for name in (*MAPPED, *TEAMS, *PUSHED):
        groups[name] = Group(name, renamed=name in TEAMS)
    company.people["chief"] = _person(company, "chief")
    for number in range(people):
        name = f"p{number}"
        company.people[name] = _person(company, name)
    _, *everybody = company.people.values()
    leavers, stayers = everybody[: people // 3], everybody[people // 3 :]
    lines = [
        Line(idp, person, _life(idp, person, rng, leaves=person in leavers)) for person in everybody
    ]
    lines += [Line(idp, groups[name], _team(idp, groups[name], rng)) for name in TEAMS]
    for name in PUSHED:
        some = rng.sample(stayers, min(len(stayers), 12))
        lines.append(Line(idp, groups[name], _pushed(idp, groups[name], some, rng), some))
    for name in (*MAPPED, *TEAMS):
        shuffled = rng.sample(stayers, len(stayers) // 2)
        while shuffled:
            some, shuffled = shuffled[: (n := rng.randint(1, 4))], shuffled[n:]
            steps = _moves(idp, groups[name], some, rng)
            lines.append(Line(idp, groups[name], steps, [groups[name], *some], alone=False))
    return lines


def _life(idp: Idp, person: Person, rng: random.Random, *, leaves: bool) -> Iterator[Step]:
    """Somebody comes, gets other titles and names; some are deleted, and may come again."""
    yield partial(idp.create, person, {})
    here = active = True
    for number in range(1, 1 + (rng.randint(2, 8) if leaves else rng.randint(0, 3))):
        options = ["title", "rename", *(["away"] if active else ["back", "back renamed"])]
        options += ["join", "leave", "delete"] if leaves else []
        what = rng.choice(options) if here else "again"
        here = what != "delete"
        active = what in {"again", "back", "back renamed"} or (active and what != "away")
        yield _step(idp, person, what, number, rng)


def _step(idp: Idp, person: Person, what: str, number: int, rng: random.Random) -> Step:
    match what:
        case "again":
            return partial(idp.create, person, {"title": f"Again {number}"})
        case "title":
            return partial(idp.change, person, {"title": f"Title {number}"})
        case "rename" | "back renamed":
            say = idp.change if what == "rename" else idp.create
            return partial(say, person, _named(idp.company, person.name, number))
        case "away" | "back":
            return partial(idp.change, person, {"active": what == "back"})
        case "delete":
            return partial(idp.delete, person)
        case _:
            group = idp.company.groups[rng.choice(MAPPED)]
            comes, goes = ([person], []) if what == "join" else ([], [person])
            return partial(idp.move, group, comes, goes)


def _team(idp: Idp, group: Group, rng: random.Random) -> Iterator[Step]:
    yield partial(idp.push, group, [])
    for number in range(rng.randint(2, 6)):
        yield partial(idp.rename, group, f"{group.name}, {number + 1}. edition")


def _pushed(idp: Idp, group: Group, people: Sequence[Person], rng: random.Random) -> Iterator[Step]:
    for number in range(8):
        yield partial(idp.push, group, rng.sample(people, rng.randint(0, len(people))))
        if group.name not in GRANTS and number % 3 == 2:
            yield partial(idp.end, group)


def _moves(idp: Idp, group: Group, people: Sequence[Person], rng: random.Random) -> Iterator[Step]:
    """These people come and go in one group; nobody else says where they are in it."""
    inside: list[Person] = []
    for _ in range(rng.randint(1, 5)):
        changes = rng.sample(people, rng.randint(1, len(people)))
        comes = [person for person in changes if person not in inside]
        goes = [person for person in changes if person in inside]
        inside = [person for person in inside if person not in goes] + comes
        yield partial(idp.move, group, comes, goes)


def _person(company: Company, name: str) -> Person:
    return Person(name, {"title": "Beginner", "active": True} | _named(company, name, 0))


def _named(company: Company, name: str, number: int) -> Body:
    """What somebody is called; another name each number."""
    family, address = f"Lee {number}", f"{name}.lee{number}@{company.tenant_id}.example"
    return {
        "userName": address,
        "name": {"givenName": name.title(), "familyName": family},
        "displayName": f"{name.title()} {family}",
        "emails": [{"value": address, "type": "work", "primary": True}],
    }


def blows_of(
    storm: Storm, sheltered: Shelter, traffic: Traffic, urls: dict[str, str]
) -> list[Callable[[], object]]:
    """Everything that the storm will do, not in order yet."""
    blows: list[Callable[[], object]] = []
    for stage, times in KILLS.items():
        kill: Callable[[], object] = partial(storm.kill, stage)
        if stage == "gateway":
            kill = partial(storm.kill_a_gateway, traffic, urls)
        blows += [kill] * times
    for stage, times in FREEZES.items():
        blows += [partial(storm.freeze, stage)] * times
    for harm in HARMS:
        blows += [partial(storm.harm_a_link, sheltered.links, harm)] * LINKS_HARMED
    for which in BACKENDS:
        blows += [partial(storm.end_backends, which, traffic, urls)] * BACKENDS_ENDED
    blows += [partial(kill_what_speaks_late, storm, sheltered, traffic, urls)] * LATE
    blows += [partial(crash_postgres, storm, sheltered, traffic)] * CRASHES
    blows += [partial(storm.meanwhile, "broker killed", sheltered.kill_the_broker)]
    blows += [partial(storm.meanwhile, "broker frozen", sheltered.freeze_the_broker)]
    return blows


def kill_what_speaks_late(
    storm: Storm, sheltered: Shelter, traffic: Traffic, urls: dict[str, str]
) -> None:
    """What a gateway owes stands still on its way to Kafka, and comes when others have acted."""
    ways = {key: link for key, link in sheltered.links.items() if key[0][0] == "gateway"}
    storm.harm_a_link({key: ways[key] for key in ways if key[1] == "kafka"}, "stall")
    storm.kill_a_gateway(traffic, urls)


def crash_postgres(storm: Storm, sheltered: Shelter, traffic: Traffic) -> None:
    """What sinks committed last is lost and comes again: until then the door may know less."""
    traffic.is_behind = True
    storm.meanwhile("postgres crashed", sheltered.crash_postgres)
    newest = storm.logs.newest()
    storm.until(lambda: not storm.logs.left(newest, newest))
    traffic.is_behind = False
