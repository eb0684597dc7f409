"""Desired access: what all of a member's directory users, the mapping and the policy add up to."""

from collections.abc import Iterator

import msgspec

from processors.core import presence
from processors.core.draft import Draft
from schemas import settings_state, state
from schemas.access import NO_ACCESS, Access, Because, WorkspaceGrant
from schemas.settings_state import Mapping, Tenant
from schemas.state import Directory, DirectoryGroup, DirectoryUser, Edge, Member, UserKey

Users = tuple[tuple[UserKey, DirectoryUser], ...]
"""Directory users of one member."""


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """Desired access, and the group or rule that decided the role."""

    access: Access
    because: Because | None = None
    """None where there is no access."""


class _Grant(msgspec.Struct, frozen=True, kw_only=True):
    group_id: str
    group_name: str
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


def speaking(draft: Draft, users: Users) -> Users:
    """Those that count: after its end a directory speaks for nobody whom it does not report again.

    Under the policy `keep` its people stay as they are (access-rules §5): what was reported last
    goes on counting.
    """
    return tuple(
        (key, user) for key, user in users if _speaks(draft.directory(key.directory_id), user)
    )


def desired(draft: Draft, users: Users) -> Desired:
    """The access that a member with these directory users, who all count, should have.

    The highest rank wins, ties by name; workspaces add up; in no mapped group the default role, or
    nothing where the tenant has none (access-rules §1).  Whom the IdP wants gone is gone.
    """
    active = [(key, user) for key, user in users if user.active and user.leaving is None]
    if not active:
        return Desired(access=NO_ACCESS)
    tenant = draft.tenant()
    grants = [grant for key, user in active for grant in _grants(draft, key, user)]
    workspaces = _workspaces(tenant, grants)
    role, because = _role(tenant, grants)
    if role is None and not workspaces:
        return Desired(access=NO_ACCESS)
    return Desired(
        access=Access(standing="active", role=role, workspaces=workspaces), because=because
    )


def _speaks(directory: Directory, user: DirectoryUser) -> bool:
    return directory.on_disconnect == "keep" or not presence.is_gone(directory, user.stamp)


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
            yield _Grant(group_id=group_id, group_name=name, mapping=mapping)


def _role(tenant: Tenant, grants: list[_Grant]) -> tuple[str | None, Because | None]:
    ranked = [
        (tenant.ranks[grant.mapping.role], grant.mapping.role, grant.group_id, grant)
        for grant in grants
        if grant.mapping.role is not None and grant.mapping.role in tenant.ranks
    ]
    if ranked:
        _, role, _, best = max(ranked, key=lambda entry: entry[:3])
        return role, Because(kind="group", id=best.group_id, name=best.group_name)
    if tenant.default_role is not None:
        role = tenant.default_role
        return role, Because(kind="default_role", id=role, name=role)
    if grants:
        return None, Because(kind="group", id=grants[0].group_id, name=grants[0].group_name)
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
