"""The vocabulary of the core's tests: a world, what is given, what happens, what follows.

Changes are stamped in the order in which they are made, and arrive in the order in which a world
is told of them, so a test that swaps the two shows what reordering does.
"""

import bisect
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from processors.core import work
from processors.core.decide import decide
from processors.core.draft import Decision
from processors.core.overlay import Writes
from processors.state_view import StoredState
from schemas import changes, codec, ids, limits, origin, settings_changes, state
from schemas.access import Access, WorkspaceGrant
from schemas.codec import Output
from schemas.events import AuditEntry
from schemas.recorded import DirectoryEvent

TENANT = "acme"
DIRECTORY = "directory_okta"
HAPPENED = datetime(2024, 2, 29, 12, tzinfo=UTC)
"""When things begin to happen at the IdP, by its clock."""
ARRIVED = datetime(2026, 7, 1, 9, tzinfo=UTC)
"""When they begin to arrive here, by ours."""
SOON = ARRIVED + timedelta(days=1)
"""When all follow-up work but forgetting is due."""
_ticks = itertools.count(1)

S = TypeVar("S", bound=state.State)
E = TypeVar("E")


class DictStore:
    """A local store in a dict, its keys kept sorted."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def items_from(self, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key in self._keys[bisect.bisect_left(self._keys, start) :]:
            yield key, self.values[key]

    def apply(self, writes: Writes) -> None:
        """Write records as the loop does: encoded, None deletes."""
        for key, record in writes.items():
            self.write(key, None if record is None else codec.encode(record))

    def write(self, key: bytes, value: bytes | None) -> None:
        """Write one record."""
        if value is not None:
            if key not in self.values:
                bisect.insort(self._keys, key)
            self.values[key] = value
        elif key in self.values:
            del self.values[key]
            self._keys.remove(key)


class World:
    """A partition's state, and what was said about it since the last `when`."""

    def __init__(self) -> None:
        self.store = DictStore()
        self.state = StoredState(self.store)
        self.outputs: list[Output] = []

    def given(self, *told: changes.AnyChange) -> "World":
        """This came before, with all that follows from it, and is no longer talked about."""
        self.when(*told)
        self.work_through()
        self.outputs = []
        return self

    def when(self, *told: changes.AnyChange) -> Decision:
        """These arrive, in this order; the last decision."""
        self.outputs = []
        for change in told:
            decision = self._made(decide(self.state, change, ARRIVED))
        return decision

    def work_through(self, now: datetime = SOON) -> int:
        """Do all the work that is due by `now`; how many chunks it took."""
        return sum(1 for _ in iter(lambda: self.work_once(now), None))

    def work_once(self, now: datetime = SOON) -> Decision | None:
        """Do one chunk of work, if any is due by `now`."""
        if (found := work.due(self.state, now)) is None:
            return None
        return self._made(work.decide_work(self.state, *found, now=ARRIVED))

    def then(self, *told: type[Output]) -> None:
        """Exactly this was told to the product, to its services and to the session revoker."""
        silent = (AuditEntry, *DirectoryEvent.__args__)
        assert [type(o) for o in self.outputs if not isinstance(o, silent)] == list(told)

    def the(self, kind: type[E]) -> E:
        """The one output of a kind."""
        (found,) = self.all(kind)
        return found

    def all(self, kind: type[E]) -> list[E]:
        """The outputs of a kind."""
        return [output for output in self.outputs if isinstance(output, kind)]

    def sentences(self) -> list[str]:
        """What the audit log will say about it."""
        return [entry.sentence for entry in self.all(AuditEntry)]

    def access_of(self, name: str, directory: str = DIRECTORY) -> Access:
        """What a person was told to have; applied never lags behind desired yet."""
        member = self.member(name, directory)
        assert member.applied == member.desired
        return member.applied

    def member(self, name: str, directory: str = DIRECTORY) -> state.Member:
        """The member that a person of the IdP is."""
        found = self.state.get(self._member_place(name, directory), state.Member)
        assert found is not None, f"{name} is linked to a member that is not there"
        return found

    def member_id(self, name: str, directory: str = DIRECTORY) -> str:
        """The id of the member that a person of the IdP is."""
        link = self.state.get(state.link_key(TENANT, directory, idp_id(name)), state.Link)
        assert link is not None, f"{name} is no member"
        return link.member_id

    def _member_place(self, name: str, directory: str) -> bytes:
        return state.member_key(TENANT, self.member_id(name, directory))

    def records(self, kind: str, record: type[S]) -> dict[tuple[str, ...], S]:
        """The tenant's records of a kind, by the ids in their keys."""
        return records(self.state, TENANT, kind, record)

    def _made(self, decision: Decision) -> Decision:
        self.store.apply(decision.writes)
        self.outputs += decision.outputs
        return decision


def records(
    reader: StoredState, tenant_id: str, kind: str, record: type[S]
) -> dict[tuple[str, ...], S]:
    """A tenant's records of a kind, by the ids in their keys."""
    found = reader.scan(state.prefix(kind, tenant_id), record, b"")
    return {tuple(state.parts_of(key)[2:]): value for key, value in found}


def acme() -> World:
    """A tenant with an Okta directory, three roles, two workspaces, and two mapped groups."""
    return World().given(
        tenant(),
        directory(),
        role("viewer", 10),
        role("member", 20, default=True),
        role("admin", 30, admin=True),
        workspace("design"),
        workspace("sales"),
        mapping("admins", "admin"),
        mapping("designers", None, grant("design", "viewer")),
        group("admins", "Platform Admins"),
        group("designers", "Designers"),
    )


CROWD = 2 * limits.MEMBERS_PER_CHUNK + 50


def crowd(size: int = CROWD) -> list[str]:
    return [f"p{number:04}" for number in range(size)]


def crowded(size: int = CROWD) -> World:
    """Many people who have access through one group only."""
    world = acme().given(role("member", 20, default=False))
    for name in crowd(size):
        world.when(reported(name), joined(name, "admins"))
    return world


def access(role: str | None = None, *workspaces: WorkspaceGrant) -> Access:
    """Active, with a role and workspaces."""
    return Access(standing="active", role=role, workspaces=workspaces)


def grant(workspace: str, role: str | None = None) -> WorkspaceGrant:
    return WorkspaceGrant(workspace, role)


# --- what the product sets


def _asked(tenant_id: str) -> dict[str, Any]:
    """What every change of settings carries; somebody waits for its outcome."""
    tick = next(_ticks)
    return {
        "change_id": ids.of_cause("request", str(tick)),
        "tenant_id": tenant_id,
        "recorded_at": ARRIVED + timedelta(milliseconds=tick),
        "reply": True,
    }


def tenant(tenant_id: str = TENANT, name: str = "Acme") -> settings_changes.CreateTenant:
    return settings_changes.CreateTenant(**_asked(tenant_id), name=name)


def role(
    slug: str, rank: int, *, admin: bool = False, default: bool = False, tenant_id: str = TENANT
) -> settings_changes.SetRole:
    return settings_changes.SetRole(
        **_asked(tenant_id), slug=slug, rank=rank, is_admin=admin, is_default=default
    )


def workspace(
    slug: str, name: str = "", tenant_id: str = TENANT
) -> settings_changes.CreateWorkspace:
    return settings_changes.CreateWorkspace(
        **_asked(tenant_id), slug=slug, name=name or slug.title()
    )


def directory(
    directory_id: str = DIRECTORY,
    name: str = "Acme Okta",
    provider: origin.Provider = "okta",
    tenant_id: str = TENANT,
) -> settings_changes.CreateDirectory:
    return settings_changes.CreateDirectory(
        **_asked(tenant_id), directory_id=directory_id, name=name, provider=provider
    )


def at_end(
    on_disconnect: origin.OnDisconnect, *, directory: str = DIRECTORY, tenant_id: str = TENANT
) -> settings_changes.SetDirectory:
    """What the end of a directory means for its people."""
    return settings_changes.SetDirectory(
        **_asked(tenant_id), directory_id=directory, on_disconnect=on_disconnect
    )


def dropped(letter_id: str, entity: str, tenant_id: str = TENANT) -> changes.DropDeadLetter:
    """Somebody gives a dead letter up."""
    return changes.DropDeadLetter(**_asked(tenant_id), letter_id=letter_id, entity=entity)


def mapping(
    group_id: str,
    role: str | None = None,
    *workspaces: WorkspaceGrant,
    directory: str = DIRECTORY,
    tenant_id: str = TENANT,
) -> settings_changes.SetMapping:
    return settings_changes.SetMapping(
        **_asked(tenant_id),
        directory_id=directory,
        group_id=group_id,
        role=role,
        workspaces=workspaces,
    )


# --- what the IdP reports


def _happened(tenant_id: str, directory_id: str) -> dict[str, Any]:
    """What every change of a directory carries; each happens a second after the one before."""
    tick = next(_ticks)
    event_id = f"event_{tick:05d}"
    return {
        "change_id": ids.of_cause(event_id),
        "tenant_id": tenant_id,
        "recorded_at": ARRIVED + timedelta(milliseconds=tick),
        "directory_id": directory_id,
        "stamp": origin.Stamp(HAPPENED + timedelta(seconds=tick), event_id),
    }


def idp_id(name: str) -> str:
    """The id at the IdP of the person whom a test calls so."""
    return f"00u-{name}"


def reported(
    name: str,
    *,
    active: bool = True,
    as_user: str | None = None,
    last_name: str = "Lee",
    email: str | None = None,
    attributes: dict[str, origin.Attribute] | None = None,
    directory: str = DIRECTORY,
    tenant_id: str = TENANT,
) -> changes.UserReported:
    """A person stands in the directory, under the directory user id `as_user`."""
    user = changes.ReportedUser(
        user_id=as_user or name,
        idp_id=idp_id(name),
        active=active,
        email=email or f"{name}@acme.example",
        first_name=name.title(),
        last_name=last_name,
        attributes=attributes or {},
    )
    return changes.UserReported(**_happened(tenant_id, directory), user=user)


def deactivated(name: str, as_user: str | None = None) -> changes.UserReported:
    return reported(name, active=False, as_user=as_user)


def deleted(
    user_id: str, *, directory: str = DIRECTORY, tenant_id: str = TENANT
) -> changes.UserDeleted:
    return changes.UserDeleted(**_happened(tenant_id, directory), user_id=user_id)


def group(
    group_id: str,
    name: str,
    *,
    idp_id: str | None = None,
    directory: str = DIRECTORY,
    tenant_id: str = TENANT,
) -> changes.GroupReported:
    return changes.GroupReported(
        **_happened(tenant_id, directory), group_id=group_id, name=name, idp_id=idp_id
    )


def group_deleted(
    group_id: str, *, directory: str = DIRECTORY, tenant_id: str = TENANT
) -> changes.GroupDeleted:
    return changes.GroupDeleted(**_happened(tenant_id, directory), group_id=group_id)


def joined(
    user_id: str, group_id: str, *, directory: str = DIRECTORY, tenant_id: str = TENANT
) -> changes.MembershipAdded:
    return changes.MembershipAdded(
        **_happened(tenant_id, directory), group_id=group_id, user_id=user_id
    )


def left(
    user_id: str, group_id: str, *, directory: str = DIRECTORY, tenant_id: str = TENANT
) -> changes.MembershipRemoved:
    return changes.MembershipRemoved(
        **_happened(tenant_id, directory), group_id=group_id, user_id=user_id
    )


def connected(
    now: bool = True, *, directory: str = DIRECTORY, tenant_id: str = TENANT
) -> changes.DirectoryStateReported:
    return changes.DirectoryStateReported(**_happened(tenant_id, directory), connected=now)


def directory_deleted(
    directory: str = DIRECTORY, tenant_id: str = TENANT
) -> changes.DirectoryDeleted:
    return changes.DirectoryDeleted(**_happened(tenant_id, directory))


def noted(note: origin.Note, detail: str) -> changes.DirectoryNoted:
    return changes.DirectoryNoted(**_happened(TENANT, DIRECTORY), note=note, detail=detail)
