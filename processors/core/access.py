"""Desired access: what directory users, the mapping, the policy and the product add up to."""

from collections.abc import Iterator

import msgspec

from processors.core import presence
from processors.core.draft import Draft
from schemas import settings_state, state
from schemas.access import NO_ACCESS, Access, Because, LostBecause, WorkspaceGrant
from schemas.settings_state import Mapping, Tenant
from schemas.state import DirectoryGroup, DirectoryUser, Edge, Member, UserKey

Users = tuple[tuple[UserKey, DirectoryUser], ...]
"""Directory users of one member."""


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """Desired access, and the group or rule that decided the role."""

    access: Access
    because: Because | None = None
    """None where there is no access."""
    by_product: bool = False
    """What the product says decided alone: it is a fact, which no gate stops."""


class _Grant(msgspec.Struct, frozen=True, kw_only=True):
    because: Because
    mapping: Mapping


def users_of(draft: Draft, member: Member) -> Users:
    """The directory users that a member holds."""
    users = []
    for key in member.users:
        place = state.user_key(draft.tenant_id, key.directory_id, key.user_id)
        user = draft.get(place, DirectoryUser)
        assert user is not None, f"a member holds {key}, which was never recorded"
        users.append((key, user))
    return tuple(users)


def speaking(draft: Draft, member: Member, users: Users) -> Users:
    """Those that count: after its end a directory speaks for nobody whom it does not report again.

    Under the policy `keep` its people stay as they are (access-rules §5): what was reported last
    goes on counting, unless a directory that came in its place ever spoke for them.
    """
    return tuple(each for each in users if _speaks(draft, member, *each))


def is_linked(member: Member, directory_id: str) -> bool:
    """Whether somebody of a directory is the member, or was."""
    return directory_id in member.spoken_for


def desired(draft: Draft, member: Member, users: Users) -> Desired:
    """The access that a member should have, of whom these directory users count.

    Of whom the product alone knows, its word counts; whom it has suspended or protects, always.
    """
    manual = member.manual
    if manual is not None and manual.standing != "active":
        return Desired(access=NO_ACCESS, by_product=True)
    if manual is not None and (manual.protected or not member.spoken_for):
        granted = Access(standing="active", role=manual.role, workspaces=manual.workspaces)
        return Desired(access=granted, because=_by_product(member), by_product=True)
    return _by_directories(draft, member, _after_switch(draft, speaking(draft, member, users)))


def _by_directories(draft: Draft, member: Member, users: Users) -> Desired:
    """The highest rank wins, ties by name; workspaces add up; whom the IdP wants gone is gone.

    In no mapped group the default role, or nothing where the tenant has none (access-rules §1).
    """
    active = [(key, user) for key, user in users if user.active and user.leaving is None]
    if not active:
        return Desired(access=NO_ACCESS)
    tenant = draft.tenant()
    grants = [grant for key, user in active for grant in _grants(draft, key, user)]
    default = tenant.default_role
    if default is not None and not any(grant.mapping.role in tenant.ranks for grant in grants):
        rule = Because(kind="default_role", id=default, name=default)
        grants.append(_Grant(because=rule, mapping=Mapping(role=default)))
    if member.manual is not None and tenant.linked == "higher":
        said = Mapping(role=member.manual.role, workspaces=member.manual.workspaces)
        grants.append(_Grant(because=_by_product(member), mapping=said))
    workspaces = _workspaces(tenant, grants)
    role, because = _role(tenant, grants)
    if role is None and not workspaces:
        return Desired(access=NO_ACCESS)
    return Desired(
        access=Access(standing="active", role=role, workspaces=workspaces), because=because
    )


def lost_because(draft: Draft, member: Member, users: Users, *, by_product: bool) -> LostBecause:
    """By who is left: the directory users that are not deleted, and those of them that count."""
    if by_product:
        return "manual"
    held = tuple(
        (key, user)
        for key, user in users
        if not user.deleted
        and user.leaving != "deleted"
        and not _is_succeeded(draft, member, key.directory_id)
    )
    heard = speaking(draft, member, held)
    if any(user.active and not user.leaving and not user.in_conflict for _, user in heard):
        return "no_mapped_group"
    if heard:
        return "deactivated"
    return "disconnected" if held else "deleted"


def _speaks(draft: Draft, member: Member, key: UserKey, user: DirectoryUser) -> bool:
    directory = draft.directory(key.directory_id)
    if not presence.is_gone(directory, user.stamp):
        return True
    return directory.on_disconnect == "keep" and not _is_succeeded(draft, member, key.directory_id)


def _is_succeeded(draft: Draft, member: Member, directory_id: str) -> bool:
    """Whether a directory that came in the place of another, one after the other, has the member.

    Or had: whom it let go since has nothing left of the former ones.
    """
    successor = draft.directory(directory_id).replaced_by
    while successor is not None and not is_linked(member, successor):
        successor = draft.directory(successor).replaced_by
    return successor is not None


def _after_switch(draft: Draft, users: Users) -> Users:
    """Those that count once a directory that is tested has taken the place of another.

    It is what a comparison shows, losses included: the gates see to it that the other one goes on
    counting until then.
    """
    directories = [draft.directory(key.directory_id) for key, _ in users]
    over = {each.replaces for each in directories if each.mode == "testing"}
    return tuple(each for each in users if each[0].directory_id not in over)


def _by_product(member: Member) -> Because:
    return Because(kind="manual", id=member.product_id or "", name="the product")


def _grants(draft: Draft, key: UserKey, user: DirectoryUser) -> Iterator[_Grant]:
    tenant_id, directory_id = draft.tenant_id, key.directory_id
    directory = draft.directory(directory_id)
    # Whom the directory's end left as they were keeps the memberships from before it.
    end = None if presence.is_gone(directory, user.stamp) else directory
    groups = state.prefix("groups-of", tenant_id, directory_id, key.user_id)
    for edge_key, edge in draft.scan(groups, Edge):
        group_id = state.last_part_of(edge_key)
        mapping = draft.get(settings_state.mapping_key(tenant_id, directory_id, group_id), Mapping)
        if mapping is None:
            continue
        group = draft.get(state.group_key(tenant_id, directory_id, group_id), DirectoryGroup)
        if presence.edge_counts(edge, user, group, end):
            name = (group.name if group else "") or group_id
            because = Because(kind="group", id=group_id, name=name)
            yield _Grant(because=because, mapping=mapping)


def _role(tenant: Tenant, grants: list[_Grant]) -> tuple[str | None, Because | None]:
    ranked = [
        (tenant.ranks[grant.mapping.role], grant.mapping.role, grant.because.id, grant)
        for grant in grants
        if grant.mapping.role is not None and grant.mapping.role in tenant.ranks
    ]
    if ranked:
        _, role, _, best = max(ranked, key=lambda entry: entry[:3])
        return role, best.because
    if grants:
        return None, grants[0].because
    return None, None


def _workspaces(tenant: Tenant, grants: list[_Grant]) -> tuple[WorkspaceGrant, ...]:
    best: dict[str, str | None] = {}
    for grant in (each for entry in grants for each in entry.mapping.workspaces):
        if grant.workspace not in best or _outranks(tenant, grant.role, best[grant.workspace]):
            best[grant.workspace] = grant.role
    return tuple(WorkspaceGrant(workspace, role) for workspace, role in sorted(best.items()))


def _outranks(tenant: Tenant, role: str | None, other: str | None) -> bool:
    return _rank(tenant, role) > _rank(tenant, other)


def _rank(tenant: Tenant, role: str | None) -> tuple[int, str]:
    return (-1, "") if role is None else (tenant.ranks.get(role, -1), role)
