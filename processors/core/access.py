"""Desired access: what all of a member's directory users, the mapping and the policy add up to."""

from collections.abc import Iterator

import msgspec

from processors.core.draft import Draft
from schemas import state
from schemas.access import NO_ACCESS, Access, Because, WorkspaceGrant
from schemas.state import DirectoryGroup, DirectoryUser, Edge, Mapping, Tenant, UserKey


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """Desired access, and the group or rule that decided the role."""

    access: Access
    because: Because | None = None
    """None where there is no access."""


class _Grant(msgspec.Struct, frozen=True, kw_only=True):
    group_id: str
    group_name: str
    mapping: Mapping


def desired(draft: Draft, users: tuple[tuple[UserKey, DirectoryUser], ...]) -> Desired:
    """The access that a member with these directory users should have.

    The highest rank wins, ties by name; workspaces add up; in no mapped group the default role, or
    nothing where the tenant has none (access-rules §1).
    """
    active = [(key, user) for key, user in users if user.active]
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


def edge_counts(edge: Edge, user: DirectoryUser | None, group: DirectoryGroup | None) -> bool:
    """Whether a membership holds: present, and newer than the tombstones of its ends."""
    return edge.present and not any(
        end is not None and end.deleted_at is not None and edge.stamp <= end.deleted_at
        for end in (user, group)
    )


def _grants(draft: Draft, key: UserKey, user: DirectoryUser) -> Iterator[_Grant]:
    tenant_id, directory_id = draft.tenant_id, key.directory_id
    groups = state.prefix("groups-of", tenant_id, directory_id, key.user_id)
    for edge_key, edge in draft.scan(groups, Edge):
        group_id = state.parts_of(edge_key)[-1]
        mapping = draft.get(state.mapping_key(tenant_id, directory_id, group_id), Mapping)
        if mapping is None:
            continue
        group = draft.get(state.group_key(tenant_id, directory_id, group_id), DirectoryGroup)
        if edge_counts(edge, user, group):
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
