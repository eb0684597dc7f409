"""A customer as changes on the lanes: people, groups, and who is in which."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from schemas import changes, ids, origin, settings_changes
from schemas.access import WorkspaceGrant
from schemas.changes import AnyChange

HAPPENED = datetime(2026, 1, 5, 9, tzinfo=UTC)
GROUPS = 40
MAPPED = 10
MEMBERSHIPS = 4
"""Of each person, one of them in a group that everybody is in."""


class Company:
    """One tenant with one directory; the same calls give the same changes."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self.directory_id = f"directory-{tenant_id}"
        self._numbers = count()

    def opening(self) -> Iterator[AnyChange]:
        """What an operator sets up, and the groups."""
        yield settings_changes.CreateTenant(**self._common(), name=self.tenant_id)
        yield settings_changes.SetRole(**self._common(), slug="admin", rank=100, is_admin=True)
        yield settings_changes.SetRole(**self._common(), slug="member", rank=10, is_default=True)
        for number in range(MAPPED):
            slug = f"w{number}"
            yield settings_changes.CreateWorkspace(**self._common(), slug=slug, name=slug)
        yield settings_changes.CreateDirectory(
            **self._common(), directory_id=self.directory_id, name="Okta", provider="okta"
        )
        for number in range(GROUPS):
            yield changes.GroupReported(
                **self._reported(), group_id=f"group-{number}", name=f"Group {number}"
            )
        for number in range(MAPPED):
            yield settings_changes.SetMapping(
                **self._common(),
                directory_id=self.directory_id,
                group_id=f"group-{number}",
                role="admin" if number == 1 else None,
                workspaces=(WorkspaceGrant(workspace=f"w{number}", role=None),),
            )

    def people(self, first: int, after: int) -> Iterator[AnyChange]:
        """The first sync of these people: each one, and then where they belong."""
        for number in range(first, after):
            yield self.person(number)
            for place in range(MEMBERSHIPS):
                group = 0 if place == 0 else 1 + (number * 7 + place * 11) % (GROUPS - 1)
                yield self.joins(number, f"group-{group}")

    def person(self, number: int, *, active: bool = True) -> changes.UserReported:
        """A report about one of them."""
        user = changes.ReportedUser(
            user_id=f"user-{number}",
            idp_id=f"idp-{number}",
            active=active,
            email=f"pat.{number}@example.com",
            first_name="Pat",
            last_name=f"Number {number}",
            user_name=f"pat.{number}@example.com",
            attributes={"department": "Sales", "title": "Representative"},
        )
        return changes.UserReported(**self._reported(), user=user)

    def joins(self, number: int, group_id: str) -> changes.MembershipAdded:
        """A person joins a group."""
        return changes.MembershipAdded(
            **self._reported(), group_id=group_id, user_id=f"user-{number}"
        )

    def _common(self) -> dict[str, Any]:
        change_id = ids.of_cause("bench", self.tenant_id, str(next(self._numbers)))
        return {
            "change_id": change_id,
            "tenant_id": self.tenant_id,
            "recorded_at": datetime.now(UTC),
        }

    def _reported(self) -> dict[str, Any]:
        common = self._common()
        stamp = origin.Stamp(
            HAPPENED + timedelta(milliseconds=20 * next(self._numbers)), common["change_id"]
        )
        return common | {"directory_id": self.directory_id, "stamp": stamp}
