"""What must be true in the end, from the IdP's final truth, with plain dicts.

Nothing here knows lanes, tombstones, chunks or revisions: what happened is told once, in the order
in which it happened, and access is what the last settings say about it.  Shares no code with the
processors.
"""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.changes import (
    AnyDirectoryChange,
    AnySettingsChange,
    GroupDeleted,
    GroupReported,
    MembershipAdded,
    MembershipRemoved,
    SetMapping,
    SetRole,
    UserDeleted,
    UserReported,
)


class Person(NamedTuple):
    """Somebody at an IdP, and what they may do in the product."""

    standing: str = "none"
    role: str | None = None
    workspaces: tuple[tuple[str, str | None], ...] = ()
    """Workspace and role in it, sorted."""
    email: str | None = None
    """Of the newest report of an active directory user; None for people without one."""


class EndState(NamedTuple):
    """The state that every way of delivering the changes must end in."""

    active: set[tuple[str, str]]
    """(directory, user id) of the users that are there and active."""
    groups: dict[tuple[str, str], str]
    """Names of the groups that are there, by (directory, group id)."""
    memberships: set[tuple[str, str, str]]
    """(directory, group id, user id); users and groups that nobody reported count too."""
    people: dict[tuple[str, str], Person]
    """By (directory, IdP's id): everybody who was ever reported."""


class _Policy:
    """What a tenant's settings say in the end; whatever they name exists."""

    def __init__(self) -> None:
        self.ranks: dict[str, int] = {}
        self.default: str | None = None
        self.mappings: dict[tuple[str, str], SetMapping] = {}

    def set(self, change: AnySettingsChange) -> None:
        if isinstance(change, SetMapping):
            self.mappings[change.directory_id, change.group_id] = change
        if isinstance(change, SetRole):
            self.ranks[change.slug] = change.rank
            if change.is_default:
                self.default = change.slug
            elif self.default == change.slug:
                self.default = None

    def person(self, groups: Iterable[tuple[str, str]], email: str | None) -> Person:
        """An active person in these (directory, group id)s."""
        granted = [self.mappings[group] for group in groups if group in self.mappings]
        roles = [mapping.role for mapping in granted if mapping.role is not None]
        role = max(roles, key=self._rank, default=self.default)
        workspaces: dict[str, str | None] = {}
        for grant in (grant for mapping in granted for grant in mapping.workspaces):
            rivals = [grant.role, workspaces.get(grant.workspace)]
            named = [rival for rival in rivals if rival is not None]
            workspaces[grant.workspace] = max(named, key=self._rank, default=None)
        if role is None and not workspaces:
            return Person(email=email)
        return Person("active", role, tuple(sorted(workspaces.items())), email)

    def _rank(self, role: str) -> tuple[int, str]:
        return self.ranks[role], role


def end_state(
    settings: Iterable[AnySettingsChange], changes: Iterable[AnyDirectoryChange]
) -> EndState:
    """The end of a history: settings in the order in which they were set, changes in any order."""
    users: dict[tuple[str, str], UserReported] = {}
    groups: dict[tuple[str, str], str] = {}
    memberships: set[tuple[str, str, str]] = set()
    people: dict[tuple[str, str], str] = {}
    for change in sorted(changes, key=lambda each: (each.stamp.at, each.stamp.event_id)):
        where = change.directory_id
        match change:
            case UserReported():
                users[where, change.user.user_id] = change
                people[where, change.user.idp_id] = change.tenant_id
            case UserDeleted():
                users.pop((where, change.user_id), None)
                memberships -= {m for m in memberships if m[::2] == (where, change.user_id)}
            case GroupReported():
                groups[where, change.group_id] = change.name
            case GroupDeleted():
                groups.pop((where, change.group_id), None)
                memberships -= {m for m in memberships if m[:2] == (where, change.group_id)}
            case MembershipAdded():
                memberships.add((where, change.group_id, change.user_id))
            case MembershipRemoved():
                memberships.discard((where, change.group_id, change.user_id))
    active = {place: report for place, report in users.items() if report.user.active}
    policies = _policies(settings)
    return EndState(
        active=set(active),
        groups=groups,
        memberships=memberships,
        people={
            (where, idp_id): _person(policies[tenant], where, idp_id, active, memberships)
            for (where, idp_id), tenant in people.items()
        },
    )


def _person(
    policy: _Policy,
    where: str,
    idp_id: str,
    active: dict[tuple[str, str], UserReported],
    memberships: set[tuple[str, str, str]],
) -> Person:
    reports = [
        report
        for (directory, _), report in active.items()
        if (directory, report.user.idp_id) == (where, idp_id)
    ]
    if not reports:
        return Person()
    newest = max(reports, key=lambda each: (each.stamp.at, each.stamp.event_id))
    ids = {report.user.user_id for report in reports}
    groups = [
        (where, group) for place, group, user in memberships if place == where and user in ids
    ]
    return policy.person(groups, newest.user.email)


def _policies(settings: Iterable[AnySettingsChange]) -> dict[str, _Policy]:
    policies: dict[str, _Policy] = {}
    for change in settings:
        policies.setdefault(change.tenant_id, _Policy()).set(change)
    return policies
