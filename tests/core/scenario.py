"""The vocabulary of the core's tests: a world, what is given, what happens, what follows.

Changes are stamped in the order in which they are made, and arrive in the order in which a world
is told of them, so a test that swaps the two shows what reordering does.
"""

import bisect
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self, TypeVar

from msgspec.structs import replace

from processors.core import work
from processors.core.decide import decide
from processors.core.draft import Decision
from processors.core.overlay import Writes
from processors.state_view import StoredState
from schemas import changes, codec, ids, limits, origin, scim, scim_state, state
from schemas import settings_changes as settings
from schemas.access import Access, WorkspaceGrant
from schemas.codec import Output
from schemas.events import AuditEntry
from schemas.recorded import ChangeSettled, DirectoryEvent

TENANT = "acme"
DIRECTORY = "directory_okta"
HAPPENED = datetime(2024, 2, 29, 12, tzinfo=UTC)
"""When things begin to happen at the IdP, by its clock."""
ARRIVED = datetime(2026, 7, 1, 9, tzinfo=UTC)
"""When they begin to arrive here, by ours."""
SOON = ARRIVED + timedelta(days=1)
"""When all follow-up work but forgetting is due."""
UP_TO_DATE = -1
"""The base of a change by SCIM that is built on all that is known when it arrives."""
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
        self.now = ARRIVED

    def given(self, *told: changes.AnyChange) -> Self:
        """This came before, with all that follows from it, and is no longer talked about."""
        self.when(*told)
        self.work_through()
        self.outputs = []
        return self

    def when(self, *told: changes.AnyChange) -> Decision:
        """These arrive, in this order; the last decision."""
        self.outputs = []
        for change in told:
            decision = self._made(decide(self.state, self.read(change), self.now))
        return decision

    def read(self, change: changes.AnyChange) -> changes.AnyChange:
        """The change as an up-to-date gateway builds it, if a test does not say on what."""
        if not isinstance(change, scim.ScimChange) or change.base != UP_TO_DATE:
            return change
        place = scim_state.clock_key(change.tenant_id, change.directory_id)
        clock = self.state.get(place, scim_state.Clock)
        return replace(change, base=0 if clock is None else scim_state.revision_of(clock.at))

    def work_through(self, now: datetime = SOON) -> int:
        """Do all the work that is due by `now`; how many chunks it took."""
        return sum(1 for _ in iter(lambda: self.work_once(now), None))

    def work_once(self, now: datetime = SOON) -> Decision | None:
        """Do one chunk of work, if any is due by `now`."""
        if (found := work.due(self.state, now)) is None:
            return None
        return self._made(work.decide_work(self.state, *found, now=self.now))

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

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and body; settling comes last of a change's directory events."""
        settled = self.the(ChangeSettled)
        assert settled is [o for o in self.outputs if isinstance(o, DirectoryEvent)][-1]
        return settled.status, settled.body

    def access_of(self, name: str, directory: str = DIRECTORY) -> Access:
        """What a person was told to have, of whom nothing is on hold."""
        member = self.member(name, directory)
        assert (member.applied, member.hold) == (member.desired, None)
        return member.applied

    def member(self, name: str, directory: str = DIRECTORY) -> state.Member:
        """The member that a person of the IdP is."""
        place = state.member_key(TENANT, self.member_id(name, directory))
        found = self.state.get(place, state.Member)
        assert found is not None, f"{name} is linked to a member that is not there"
        return found

    def member_id(self, name: str, directory: str = DIRECTORY) -> str:
        """The id of the member that a person of the IdP is."""
        link = self.state.get(state.link_key(TENANT, directory, idp_id(name)), state.Link)
        assert link is not None, f"{name} is no member"
        return link.member_id

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


def acme(kind: origin.Kind = "workos", world: World | None = None) -> World:
    """A tenant with an Okta directory, three roles, two workspaces, and two mapped groups."""
    named = group if kind == "workos" else scim_group
    return (world or World()).given(
        tenant(),
        directory(kind=kind),
        role("viewer", 10),
        role("member", 20, default=True),
        role("admin", 30, admin=True),
        workspace("design"),
        workspace("sales"),
        mapping("admins", "admin"),
        mapping("designers", None, grant("design", "viewer")),
        named("admins", "Platform Admins"),
        named("designers", "Designers"),
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


def asked(tenant_id: str = TENANT, **about: Any) -> dict[str, Any]:
    """What every change carries for whose outcome somebody waits."""
    tick = next(_ticks)
    at = ARRIVED + timedelta(milliseconds=tick)
    common = {"tenant_id": tenant_id, "recorded_at": at, "reply": True}
    return {"change_id": ids.of_cause("request", str(tick)), **common, **about}


def tenant(tenant_id: str = TENANT, name: str = "Acme") -> settings.CreateTenant:
    return settings.CreateTenant(**asked(tenant_id), name=name)


def role(
    slug: str, rank: int, *, admin: bool = False, default: bool = False, tenant_id: str = TENANT
) -> settings.SetRole:
    about = asked(tenant_id, slug=slug, rank=rank)
    return settings.SetRole(**about, is_admin=admin, is_default=default)


def workspace(slug: str, name: str = "", tenant_id: str = TENANT) -> settings.CreateWorkspace:
    return settings.CreateWorkspace(**asked(tenant_id), slug=slug, name=name or slug.title())


def directory(
    directory_id: str = DIRECTORY,
    name: str = "Acme Okta",
    provider: origin.Provider = "okta",
    tenant_id: str = TENANT,
    kind: origin.Kind = "workos",
) -> settings.CreateDirectory:
    about = asked(tenant_id, directory_id=directory_id, name=name)
    return settings.CreateDirectory(**about, provider=provider, kind=kind)


def at_end(
    on_disconnect: origin.OnDisconnect, *, directory: str = DIRECTORY, tenant_id: str = TENANT
) -> settings.SetDirectory:
    about = asked(tenant_id, directory_id=directory)
    return settings.SetDirectory(**about, on_disconnect=on_disconnect)


def mode(mode: origin.Mode, at: str = DIRECTORY, tenant_id: str = TENANT) -> settings.SetDirectory:
    return settings.SetDirectory(**asked(tenant_id), directory_id=at, mode=mode)


def policy(tenant_id: str = TENANT, **choices: str) -> settings.SetPolicy:
    return settings.SetPolicy(**asked(tenant_id, **choices))


def ruled(member_id: str, ruling: Literal["approve", "discard", "separate"]) -> settings.RuleHold:
    return settings.RuleHold(**asked(), member_id=member_id, ruling=ruling)


def dropped(letter_id: str, entity: str, tenant_id: str = TENANT) -> changes.DropDeadLetter:
    return changes.DropDeadLetter(**asked(tenant_id), letter_id=letter_id, entity=entity)


def mapping(
    group_id: str,
    role: str | None = None,
    *workspaces: WorkspaceGrant,
    directory: str = DIRECTORY,
    tenant_id: str = TENANT,
) -> settings.SetMapping:
    about = asked(tenant_id, directory_id=directory, group_id=group_id)
    return settings.SetMapping(**about, role=role, workspaces=workspaces)


# --- what the IdP reports


def _happened(directory: str = DIRECTORY, tenant_id: str = TENANT) -> dict[str, Any]:
    """What every change of a directory carries; each happens a second after the one before."""
    tick = next(_ticks)
    event_id = f"event_{tick:05d}"
    stamp = origin.Stamp(HAPPENED + timedelta(seconds=tick), event_id)
    about = asked(tenant_id, change_id=ids.of_cause(event_id), stamp=stamp, reply=False)
    return about | {"directory_id": directory}


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
    **where: str,
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
    return changes.UserReported(**_happened(**where), user=user)


def deactivated(name: str, as_user: str | None = None) -> changes.UserReported:
    return reported(name, active=False, as_user=as_user)


def deleted(user_id: str, **where: str) -> changes.UserDeleted:
    return changes.UserDeleted(**_happened(**where), user_id=user_id)


def group(
    group_id: str, name: str, *, idp_id: str | None = None, **where: str
) -> changes.GroupReported:
    return changes.GroupReported(**_happened(**where), group_id=group_id, name=name, idp_id=idp_id)


def group_deleted(group_id: str, **where: str) -> changes.GroupDeleted:
    return changes.GroupDeleted(**_happened(**where), group_id=group_id)


def joined(user_id: str, group_id: str, **where: str) -> changes.MembershipAdded:
    return changes.MembershipAdded(**_happened(**where), group_id=group_id, user_id=user_id)


def left(user_id: str, group_id: str, **where: str) -> changes.MembershipRemoved:
    return changes.MembershipRemoved(**_happened(**where), group_id=group_id, user_id=user_id)


def connected(now: bool = True, **where: str) -> changes.DirectoryStateReported:
    return changes.DirectoryStateReported(**_happened(**where), connected=now)


def directory_deleted(**where: str) -> changes.DirectoryDeleted:
    return changes.DirectoryDeleted(**_happened(**where))


def noted(note: origin.Note, detail: str) -> changes.DirectoryNoted:
    return changes.DirectoryNoted(**_happened(), note=note, detail=detail)


# --- what a SCIM client does


def by_scim(base: int = UP_TO_DATE, **about: Any) -> dict[str, Any]:
    """What every change by SCIM carries; somebody waits for its outcome."""
    return asked(directory_id=DIRECTORY, base=base, **about)


def scim_created(
    name: str, *, as_user: str | None = None, base: int = UP_TO_DATE, **resource: Any
) -> scim.ScimUserCreated:
    """A POST of a person, under the SCIM id `as_user`; None leaves an attribute out."""
    names = {"userName": f"{name}@acme.example", "externalId": idp_id(name)}
    sent = names | {"name": {"givenName": name.title(), "familyName": "Lee"}} | resource
    known = {attribute: value for attribute, value in sent.items() if value is not None}
    return scim.ScimUserCreated(**by_scim(base), user_id=as_user or name, resource=known)


def scim_changed(user_id: str, base: int = UP_TO_DATE, **changed: Any) -> scim.ScimUserChanged:
    return scim.ScimUserChanged(**by_scim(base), user_id=user_id, changed=changed)


def scim_deleted(user_id: str, base: int = UP_TO_DATE) -> scim.ScimUserDeleted:
    return scim.ScimUserDeleted(**by_scim(base), user_id=user_id)


def scim_group(group_id: str, name: str, **resource: str) -> scim.ScimGroupCreated:
    sent = {"displayName": name} | resource
    return scim.ScimGroupCreated(**by_scim(), group_id=group_id, resource=sent)


def scim_members(
    group_id: str, *added: str, removed: tuple[str, ...] = (), base: int = UP_TO_DATE
) -> scim.ScimMembersChanged:
    return scim.ScimMembersChanged(**by_scim(base, group_id=group_id, added=added, removed=removed))
