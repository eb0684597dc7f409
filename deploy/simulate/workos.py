"""A first sync as WorkOS would send it: signed webhooks of a directory nobody has seen before.

Pure and seeded: the same arguments give the same events, byte for byte.
"""

import hashlib
import hmac
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

Event = dict[str, Any]
"""A WorkOS event, ready to be encoded as JSON."""

GROUPS: Final = (
    ("All Employees", 0.93),
    ("Contractors", 0.07),
    ("Engineering", 0.30),
    ("Sales", 0.20),
    ("Marketing", 0.10),
    ("Support", 0.12),
    ("Finance", 0.05),
    ("People Team", 0.04),
    ("Design", 0.06),
    ("Platform", 0.09),
    ("Data", 0.07),
    ("Platform Admins", 0.02),
    ("IT Admins", 0.01),
    ("Owners", 0.003),
)
"""Names of groups and the share of people in each; everybody is in one of the first two."""

REPEATED: Final = 0.02
"""The share of events that are delivered twice."""

MORE: Final = 0.05
"""The share of people in each group beyond those."""

_LATEST: Final = 0.5  # how late an event may arrive: a share of all deliveries
_APART: Final = timedelta(milliseconds=20)  # between the creation of two events
_NINE_O_CLOCK: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
_ID_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_FIRST_NAMES: Final = (
    "Ada Ben Cara Dan Ella Finn Gina Hugo Iris Jack Kim Leo Mia Noah Olga Paul Quinn Rosa Sam Tara "
    "Uma Vera Will Xenia Yara Zoe Amir Bela Chen Dina Emil Fatima Goran Hana Ivan Jun Kofi Lena "
    "Marco Nina"
)
_LAST_NAMES: Final = (
    "Alder Ash Aspen Beech Birch Brook Cedar Clay Cliff Dale Elm Fern Field Flint Ford Forest Glen "
    "Grove Hazel Heath Hill Holly Lake Larch Laurel Maple Marsh Meadow Oak Olive Pine Reed Ridge "
    "River Rowan Sage Stone Vale Willow Wood"
)
_FIRST: Final = _FIRST_NAMES.split()
_LAST: Final = _LAST_NAMES.split()


def first_sync(
    seed: int,
    people: int,
    groups: int,
    directory_id: str,
    organization_id: str,
    *,
    started_at: datetime = _NINE_O_CLOCK,
) -> list[Event]:
    """A first sync in the order of its deliveries: people, groups and who is in which.

    People may arrive after their memberships, and two deliveries in a hundred are repeats.

    Args:
        seed: another one gives other people.
        people: how many, all of them active.
        groups: how many; each has at least one person.
        directory_id: the directory's id at WorkOS.
        organization_id: the organization's id at WorkOS.
        started_at: creation of the first event, by WorkOS's clock; the rest follow 20 ms apart.
    """
    rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
    place = {"directory_id": directory_id, "organization_id": organization_id}
    clock = (stamp(started_at + number * _APART) for number in count())
    users = [_user(rng, number, place) for number in range(people)]
    kinds = [_group(rng, number, place) for number in range(groups)]
    created = [
        *events(rng, "dsync.user.created", users, clock),
        *events(rng, "dsync.group.created", kinds, clock),
        *events(rng, "dsync.group.user_added", _memberships(rng, users, kinds), clock),
    ]
    return delivered(rng, created)


def deactivation(created: Event, at: datetime) -> Event:
    """The event by which an IdP says that somebody may no longer log in.

    Args:
        created: the `dsync.user.created` event of that person.
        at: when it happens, by WorkOS's clock; later than everything before about the person.
    """
    user = created["data"] | {
        "state": "inactive",
        "updated_at": stamp(at),
        "previous_attributes": {"state": "active"},
    }
    rng = random.Random(f"{user['id']} {at}")  # noqa: S311 - a simulation, no secret
    return next(events(rng, "dsync.user.updated", [user], iter([stamp(at)])))


def sign(body: bytes, secret: str, now: datetime) -> str:
    """The `WorkOS-Signature` header of a body that is sent now."""
    sent = str(int(now.timestamp() * 1000))
    digest = hmac.new(secret.encode(), sent.encode() + b"." + body, hashlib.sha256)
    return f"t={sent}, v1={digest.hexdigest()}"


def name_of(number: int) -> tuple[str, str, str]:
    """First name, last name and email of a person; each number has an email of its own."""
    # Each pair of names comes once in 1,600 people, since 7 and 40 have no common divisor.
    first = _FIRST[number * 7 % len(_FIRST)]
    last = _LAST[(number // len(_FIRST) + number) % len(_LAST)]
    again = number // (len(_FIRST) * len(_LAST))
    return first, last, f"{first}.{last}{again or ''}@example.com".lower()


def user(
    name: tuple[str, str, str],
    *,
    workos_id: str,
    idp_id: str,
    place: dict[str, str],
    **custom: str | None,
) -> Event:
    """A directory user who is active.

    Args:
        name: first name, last name, email.
        workos_id: the id at WorkOS.
        idp_id: the id at the IdP.
        place: ids of directory and organization.
        custom: attributes that the administrator mapped.
    """
    first, last, email = name
    return {
        "object": "directory_user",
        "id": workos_id,
        **place,
        "idp_id": idp_id,
        "email": email,
        "first_name": first,
        "last_name": last,
        "name": f"{first} {last}",
        "emails": [{"primary": True, "type": "work", "value": email}],
        "username": email,
        "state": "active",
        "raw_attributes": {},
        "custom_attributes": custom,
    }


def group(name: str, *, workos_id: str, idp_id: str, place: dict[str, str]) -> Event:
    """A directory group; see `user`."""
    return {
        "object": "directory_group",
        "id": workos_id,
        "idp_id": idp_id,
        **place,
        "name": name,
        "raw_attributes": {},
    }


def _user(rng: random.Random, number: int, place: dict[str, str]) -> Event:
    return user(
        name_of(number),
        workos_id=new_id(rng, "directory_user"),
        idp_id=f"00u{_random(rng)}",
        place=place,
        job_title=rng.choice(("Analyst", "Engineer", "Lead", "Manager")),
    )


def _group(rng: random.Random, number: int, place: dict[str, str]) -> Event:
    name = GROUPS[number][0] if number < len(GROUPS) else f"Team {number + 1}"
    # Okta gives its groups no other id (idp-facts §1.2).
    return group(name, workos_id=new_id(rng, "directory_group"), idp_id=name, place=place)


def _memberships(rng: random.Random, users: list[Event], kinds: list[Event]) -> list[Event]:
    shares = [GROUPS[at][1] if at < len(GROUPS) else MORE for at in range(len(kinds))]
    within: list[list[Event]] = [[] for _ in kinds]
    for user in users:
        if kinds:
            contractor = len(kinds) > 1 and rng.random() < shares[1]
            within[int(contractor)].append(user)
        for at in range(2, len(kinds)):
            if rng.random() < shares[at]:
                within[at].append(user)
    return [
        {"directory_id": group["directory_id"], "user": user, "group": group}
        for group, insiders in zip(kinds, within, strict=True)
        for user in insiders or [rng.choice(users)]
    ]


def events(
    rng: random.Random, kind: str, subjects: Iterable[Event], clock: Iterator[str]
) -> Iterator[Event]:
    """Events of one kind; what has no times yet gets those of its event."""
    for subject in subjects:
        at = next(clock)
        if "object" in subject:
            subject.setdefault("created_at", at)
            subject.setdefault("updated_at", at)
        yield {
            "object": "event",
            "id": new_id(rng, "event"),
            "event": kind,
            "data": subject,
            "created_at": at,
        }


def delivered(rng: random.Random, created: list[Event]) -> list[Event]:
    """Each somewhat late, and some of them again, later still."""
    latest = _LATEST * len(created)
    arrivals = [(place + rng.random() * latest, event) for place, event in enumerate(created)]
    again = rng.sample(arrivals, round(REPEATED * len(arrivals)))
    arrivals += [(place + rng.random() * latest, event) for place, event in again]
    return [event for _, event in sorted(arrivals, key=lambda arrival: arrival[0])]


def new_id(rng: random.Random, kind: str) -> str:
    """An id as WorkOS makes them."""
    return f"{kind}_01{_random(rng)}"


def _random(rng: random.Random) -> str:
    return "".join(rng.choices(_ID_ALPHABET, k=24))


def stamp(at: datetime) -> str:
    """A time as WorkOS writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
