"""What must be true in the end, from the IdP's final truth, with plain dicts.

Nothing here knows lanes, tombstones, chunks or revisions: what happened is told once and in order,
and access is what the last settings say about it.  Shares no code with the processors.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemas import changes, settings_changes
from schemas.changes import AnyReportedChange, UserReported
from schemas.settings_changes import AnySettingsChange, SetDirectory


class Person(NamedTuple):
    """Somebody at an IdP, and what they may do in the product."""

    standing: str = "none"
    role: str | None = None
    workspaces: tuple[tuple[str, str | None], ...] = ()
    """Workspace and role in it, sorted."""
    email: str | None = None
    """Of the newest report of a directory user who counts; None for people without one."""


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
    connected: dict[str, bool]
    """By directory, where an IdP said so."""


class _World:
    def __init__(self) -> None:
        self.active: dict[tuple[str, str], UserReported] = {}
        self.groups: dict[tuple[str, str], str] = {}
        self.edges: set[tuple[str, str, str]] = set()

    def take(self, change: AnyReportedChange) -> None:
        where = change.directory_id
        match change:
            case UserReported():
                self.active[where, change.user.user_id] = change
                if not change.user.active:
                    del self.active[where, change.user.user_id]
            case changes.UserDeleted():
                self.active.pop((where, change.user_id), None)
                self.edges -= {edge for edge in self.edges if edge[::2] == (where, change.user_id)}
            case changes.GroupReported():
                self.groups[where, change.group_id] = change.name
            case changes.GroupDeleted():
                self.groups.pop((where, change.group_id), None)
                self.edges -= {edge for edge in self.edges if edge[:2] == (where, change.group_id)}
            case changes.MembershipAdded():
                self.edges.add((where, change.group_id, change.user_id))
            case changes.MembershipRemoved():
                self.edges.discard((where, change.group_id, change.user_id))
            case _:
                pass

    def lose(self, directory: str) -> None:
        self.active = {at: report for at, report in self.active.items() if at[0] != directory}
        self.groups = {at: name for at, name in self.groups.items() if at[0] != directory}
        self.edges = {edge for edge in self.edges if edge[0] != directory}


class _Policy:
    """What a tenant's settings say in the end; whatever they name exists."""

    def __init__(self) -> None:
        self.ranks: dict[str, int] = {}
        self.default: str | None = None
        self.mappings: dict[tuple[str, str], settings_changes.SetMapping] = {}

    def set(self, change: AnySettingsChange) -> None:
        if isinstance(change, settings_changes.SetMapping):
            self.mappings[change.directory_id, change.group_id] = change
        if isinstance(change, settings_changes.SetRole):
            self.ranks[change.slug] = change.rank
            if change.is_default:
                self.default = change.slug
            elif self.default == change.slug:
                self.default = None

    def person(self, place: tuple[str, str], counts: _World) -> Person:
        """Somebody at a directory, by the IdP's id."""
        reports = {at: r for at, r in counts.active.items() if (at[0], r.user.idp_id) == place}
        if not reports:
            return Person()
        email = max(reports.values(), key=_when).user.email
        groups = [edge[:2] for edge in counts.edges if edge[::2] in reports]
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


def end_state(made: Sequence[AnySettingsChange], told: Sequence[AnyReportedChange]) -> EndState:
    """The end of a history: settings in the order in which they were set, changes in any order.

    A directory that ends takes away all that is shown, and nothing of what is frozen.  Whoever is
    shown after it counts as shown; of others the policy may keep what is frozen.
    """
    policies = {each.tenant_id: _Policy() for each in made}
    for each in made:
        policies[each.tenant_id].set(each)
    shown, frozen, counts = _World(), _World(), _World()
    people: dict[tuple[str, str], _Policy] = {}
    connected: dict[str, bool] = {}
    for change in sorted(told, key=_when):
        where = change.directory_id
        shown.take(change)
        frozen.take(change)
        if isinstance(change, UserReported):
            people[where, change.user.idp_id] = policies[change.tenant_id]
        if isinstance(change, changes.DirectoryStateReported):
            connected[where] = change.connected
        if isinstance(change, changes.DirectoryDeleted):
            connected[where] = False
            shown.lose(where)
    at_end = {s.directory_id: s.on_disconnect for s in made if isinstance(s, SetDirectory)}
    kept = {at for at in frozen.active.keys() - shown.active if at_end.get(at[0]) != "deactivate"}
    counts.active = shown.active | {at: frozen.active[at] for at in kept}
    counts.edges = {edge for edge in shown.edges if edge[::2] not in kept}
    counts.edges |= {edge for edge in frozen.edges if edge[::2] in kept}
    found = {place: policy.person(place, counts) for place, policy in people.items()}
    return EndState(set(shown.active), shown.groups, shown.edges, found, connected)


def _when(change: AnyReportedChange) -> tuple[datetime, str]:
    return change.stamp.at, change.stamp.event_id
