"""What happens at the customers of a storm, and what must be true in the end."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from deploy.simulate.workos import Event, deactivation, first_sync
from ingest.workos import translation
from schemas.changes import AnyDirectoryChange, CreateTenant, SetMapping, SetRole
from tests.harness import World

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
LATER = START + timedelta(hours=1)
ROLES = {"member": 10, "lead": 20, "admin": 30}


class Customer:
    """One tenant: a first sync, and departures and moves on top of it."""

    def __init__(self, number: int, seed: int, people: int) -> None:
        self.tenant_id = f"customer-{number}"
        self.directory_id = f"directory_{number}"
        rng = random.Random(f"{seed} {number}")
        synced = first_sync(
            rng.randrange(1 << 30), people, 6, self.directory_id, f"org_{number}", started_at=START
        )
        self.groups = sorted(
            {e["data"]["id"] for e in synced if e["event"] == "dsync.group.created"}
        )
        self.departed: set[str] = set()
        """External ids of those who were deactivated at some time."""
        self.events = [*synced, *self._later(rng, synced)]
        rng.shuffle(self.events)

    def _later(self, rng: random.Random, synced: Sequence[Event]) -> list[Event]:
        once = list({event["id"]: event for event in synced}.values())
        users = [e for e in once if e["event"] == "dsync.user.created"]
        added = [e for e in once if e["event"] == "dsync.group.user_added"]
        leavers = rng.sample(users, len(users) // 8)
        self.departed = {event["data"]["idp_id"] for event in leavers}
        later = [
            deactivation(event, LATER + timedelta(seconds=n)) for n, event in enumerate(leavers)
        ]
        later += [_removal(event, n) for n, event in enumerate(rng.sample(added, len(added) // 8))]
        return later

    def settings(self) -> list[CreateTenant | SetRole | SetMapping]:
        """What the product sets, as the reference reads it."""
        common: dict[str, Any] = {
            "change_id": "",
            "tenant_id": self.tenant_id,
            "recorded_at": START,
        }
        roles = [
            SetRole(**common, slug=slug, rank=rank, is_default=slug == "member")
            for slug, rank in ROLES.items()
        ]
        granted = zip(self.groups, (None, "lead", None, "admin"), strict=False)
        mappings = [
            SetMapping(**common, directory_id=self.directory_id, group_id=group, role=role)
            for group, role in granted
            if role is not None
        ]
        return [CreateTenant(**common, name=self.tenant_id), *roles, *mappings]

    def set_up(self, world: World) -> None:
        """The same through the admin API."""
        token = world.settings.require_admin_token()
        with httpx2.Client(
            base_url=world.settings.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        ) as api:
            own = f"/{self.tenant_id}"
            calls: list[tuple[str, str, dict[str, Any]]] = []
            for change in self.settings():
                match change:
                    case CreateTenant():
                        calls.append(
                            ("POST", "", {"tenant_id": self.tenant_id, "name": change.name})
                        )
                        directory = {"directory_id": self.directory_id, "name": "D"}
                        calls.append(("POST", f"{own}/directories", directory))
                    case SetRole():
                        body = {"rank": change.rank, "is_default": change.is_default}
                        calls.append(("PUT", f"{own}/roles/{change.slug}", body))
                    case SetMapping():
                        place = f"{own}/directories/{self.directory_id}/mappings/{change.group_id}"
                        calls.append(("PUT", place, {"role": change.role}))
            for method, path, body in calls:
                answer = api.request(method, f"/api/tenants{path}", json=body)
                assert answer.status_code < 300, answer.text

    def changes(self) -> list[AnyDirectoryChange]:
        """What happened, for the reference."""
        reports = [translation.read(json.dumps(event).encode()) for event in self.events]
        return [
            translation.change_of(report, tenant_id=self.tenant_id, recorded_at=START)
            for report in reports
            if isinstance(report, translation.Report)
        ]


def _removal(added: Event, number: int) -> Event:
    at = (LATER + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
    return added | {
        "id": f"{added['id']}_removed",
        "event": "dsync.group.user_removed",
        "created_at": at,
    }
