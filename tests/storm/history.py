"""What happens at the customers of a storm."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, groupby
from typing import Any

import httpx2
from msgspec import to_builtins

from deploy.simulate.workos import Event, deactivation, first_sync
from ingest.workos import translation
from schemas.access import WorkspaceGrant
from schemas.changes import AnyChange, AnyReportedChange, is_urgent
from schemas.partitions import partition_of
from schemas.settings_changes import (
    AnySettingsChange,
    CreateDirectory,
    CreateTenant,
    CreateWorkspace,
    SetMapping,
    SetRole,
)
from schemas.topics import CHANGES, URGENT
from tests.harness import PARTITIONS, World

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
LATER = START + timedelta(hours=1)
ROLES = {"member": 10, "lead": 20, "admin": 30}
WORKSPACE = "design"
GROUPS = 6
AGAIN = 50
"""One event in so many is delivered twice."""
LATE = 0.5
"""How late an event may arrive: a share of all that happens."""


class Customer:
    """One tenant: a first sync, and a day's work on top of it."""

    def __init__(self, number: int, seed: int, people: int) -> None:
        self.tenant_id = next(  # all partitions have the same to do
            name
            for n in count()
            if partition_of(name := f"customer-{number}-{n}", PARTITIONS) == number % PARTITIONS
        )
        self.directory_id = f"directory_{number}"
        self.departed: set[str] = set()
        """IdP's ids of those who were deactivated or deleted at some time."""
        self._rng = random.Random(f"{seed} {number}")
        self._later = count()
        place = (self.directory_id, f"org_{number}")
        synced = first_sync(self._rng.randrange(1 << 30), people, GROUPS, *place, started_at=START)
        once = sorted({e["id"]: e for e in synced}.values(), key=lambda e: e["created_at"])
        self._users, self._groups, self._added = (
            [event for event in once if event["event"] == f"dsync.{kind}"]
            for kind in ("user.created", "group.created", "group.user_added")
        )
        told = [*once, *self._day()]
        self.events = self._delivered(told)

    def _day(self) -> Iterator[Event]:
        """People leave, return, marry, move; groups get other names, and one ends."""
        people = self._rng.sample(self._users, len(self._users))
        eighth = len(people) // 8
        leaving, deleted, marrying = (people[n * eighth :][:eighth] for n in range(3))
        self.departed = {event["data"]["idp_id"] for event in (*leaving, *deleted)}
        yield from (deactivation(event, self._now()) for event in leaving)
        yield from (self._event("user.deleted", event["data"]) for event in deleted)
        for event in leaving[::4]:
            yield self._event("user.updated", event["data"])
        for event in deleted[::2]:
            yield from self._return(event["data"])
        for event in marrying:
            address = f"new.{event['data']['email']}"
            new = {"last_name": "Newlywed", "email": address}
            yield self._event("user.updated", event["data"] | new)
        yield from self._moves({event["data"]["id"] for event in deleted})
        for group in self._groups[:2]:
            name = f"{group['data']['name']} of today"
            yield self._event("group.updated", group["data"] | {"name": name})
        yield self._event("group.deleted", self._groups[-1]["data"])

    def another(self) -> Event:
        """Somebody who stays marries, after all that has happened so far."""
        user = self._rng.choice(
            [e for e in self._users if e["data"]["idp_id"] not in self.departed]
        )
        new = {"last_name": f"Newlywed {len(self.events)}"}
        event = self._event("user.updated", user["data"] | new)
        self.events.append(event)
        return event

    def _return(self, user: dict[str, Any]) -> Iterator[Event]:
        """Under a new id, as WorkOS gives it to whoever was deleted."""
        back = user | {"id": f"{user['id']}_again"}
        yield self._event("user.created", back)
        for event in self._added:
            if event["data"]["user"]["id"] == user["id"]:
                yield self._event("group.user_added", event["data"] | {"user": back})

    def _moves(self, gone: set[str]) -> Iterator[Event]:
        stays = [e["data"] for e in self._added if e["data"]["user"]["id"] not in gone]
        for membership in self._rng.sample(stays, len(stays) // 8):
            yield self._event("group.user_removed", membership)
            other = self._rng.choice(self._groups)["data"]
            yield self._event("group.user_added", membership | {"group": other})

    def _event(self, kind: str, about: dict[str, Any]) -> Event:
        number = self._rng.randrange(1 << 60)
        at = self._now().isoformat().replace("+00:00", "Z")
        told = {"object": "event", "id": f"event_{number:x}", "event": f"dsync.{kind}"}
        return told | {"data": about, "created_at": at}

    def _now(self) -> datetime:
        return LATER + timedelta(seconds=next(self._later))

    def _delivered(self, told: Sequence[Event]) -> list[Event]:
        """Each somewhat late, so that many overtake one another, and some of them twice."""
        posts = [*enumerate(told), *self._rng.sample([*enumerate(told)], len(told) // AGAIN)]
        late = LATE * len(told)
        arrivals = [(place + self._rng.random() * late, event) for place, event in posts]
        return [event for _, event in sorted(arrivals, key=lambda arrival: arrival[0])]

    def settings(self) -> list[AnySettingsChange]:
        """What the product sets: for the reference, and to be put on a lane."""
        common: dict[str, Any] = {"tenant_id": self.tenant_id, "recorded_at": START}
        number = count()

        def own() -> dict[str, Any]:
            return common | {"change_id": f"{self.tenant_id} setting {next(number)}"}

        directory: dict[str, Any] = {"directory_id": self.directory_id}
        roles = [
            SetRole(**own(), slug=slug, rank=rank, is_default=slug == "member")
            for slug, rank in ROLES.items()
        ]
        grants: list[dict[str, Any]] = [
            {"role": "lead"},
            {"workspaces": (WorkspaceGrant(workspace=WORKSPACE, role="lead"),)},
            {"role": "admin"},
            {"role": "lead"},
        ]
        mappings = [
            SetMapping(**own(), **directory, group_id=group["data"]["id"], **grant)
            for group, grant in zip(self._groups[2:], grants, strict=True)
        ]
        return [
            CreateTenant(**own(), name=self.tenant_id),
            *roles,
            CreateWorkspace(**own(), slug=WORKSPACE, name=WORKSPACE),
            CreateDirectory(**own(), **directory, name="D", provider="okta"),
            *mappings,
        ]

    def changes(self) -> list[AnyReportedChange]:
        """What happened, in the order of its deliveries."""
        reports = [translation.read(json.dumps(event).encode()) for event in self.events]
        return [
            translation.change_of(report, tenant_id=self.tenant_id, recorded_at=START)
            for report in reports
            if isinstance(report, translation.Report)
        ]


def merged(customers: Sequence[Customer]) -> list[Event]:
    """What all of them send, side by side."""
    each = [
        (place / len(customer.events), event)
        for customer in customers
        for place, event in enumerate(customer.events)
    ]
    return [event for _, event in sorted(each, key=lambda placed: placed[0])]


def set_up(customers: Sequence[Customer], world: World) -> None:
    """Do the customers' settings through the admin API."""
    token = world.settings.require_admin_token()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=world.settings.url, headers=headers, timeout=60) as api:
        for change in (change for customer in customers for change in customer.settings()):
            method, path, body = _request(change)
            answer = api.request(method, f"/api/tenants{path}", json=body)
            assert answer.status_code < 300, answer.text


def on_the_lanes(changes: Iterable[AnyChange], world: World) -> None:
    """Put changes where the gateway would put them."""
    for lane, some in groupby(changes, lambda each: URGENT if is_urgent(each) else CHANGES):
        world.produce(lane.name, *some)


def _request(change: AnySettingsChange) -> tuple[str, str, dict[str, Any]]:
    own = f"/{change.tenant_id}"
    match change:
        case CreateTenant():
            return "POST", "", {"tenant_id": change.tenant_id, "name": change.name}
        case SetRole():
            body: dict[str, Any] = {"rank": change.rank, "is_default": change.is_default}
            return "PUT", f"{own}/roles/{change.slug}", body
        case CreateWorkspace():
            return "POST", f"{own}/workspaces", {"slug": change.slug, "name": change.name}
        case CreateDirectory():
            body = {"directory_id": change.directory_id, "name": change.name}
            return "POST", f"{own}/directories", body | {"provider": change.provider}
        case SetMapping():
            place = f"{own}/directories/{change.directory_id}/mappings/{change.group_id}"
            body = {"role": change.role, "workspaces": to_builtins(change.workspaces)}
            return "PUT", place, body
        case _:
            raise AssertionError(change)
