"""What the product's admin API sets: tenants, roles, workspaces."""

from typing import Any

from processors.core import answers
from processors.core.draft import Decision, Draft
from schemas import limits, settings_state, state
from schemas.access import Because
from schemas.codec import Output
from schemas.recorded import RoleRecorded, TenantRecorded, WorkspaceRecorded
from schemas.settings_changes import CreateTenant, CreateWorkspace, SetPolicy, SetRole
from schemas.settings_state import Tenant, Workspace


def create_tenant(draft: Draft, change: CreateTenant) -> Decision:
    """Open a tenant; the same again is answered 200, another name 409."""
    place = settings_state.tenant_key(draft.tenant_id)
    known = draft.get(place, Tenant)
    if known is not None and known.name != change.name:
        return answers.refused(
            draft, change, 409, "taken", f"{draft.tenant_id} is {known.name}'s id"
        )
    if known is not None:
        return answers.unchanged(draft, change, _details(draft.tenant_id, known))
    draft.emit(_tenant_recorded(draft, Tenant(name=change.name)))
    return answers.applied(
        draft,
        change,
        {place: Tenant(name=change.name)},
        _details(draft.tenant_id, Tenant(name=change.name)),
        subject=f"tenant/{draft.tenant_id}",
        sentence=f"The tenant {change.name} was created.",
        status=201,
    )


def set_policy(draft: Draft, change: SetPolicy) -> Decision:
    """Set what the tenant decides about its people and their attributes; it counts from now on."""
    place = settings_state.tenant_key(draft.tenant_id)
    known = draft.tenant()
    fields = ("sole_admin", "breaker", "linked", "own_attributes", "kept_as_sent")
    given = {name: value for name in fields if (value := getattr(change, name)) is not None}
    wanted = state.changed(known, **given)
    if wanted == known:
        return answers.unchanged(draft, change, _details(draft.tenant_id, known))
    draft.emit(_tenant_recorded(draft, wanted))
    because = Because(kind="admin", id="policy", name="the policy")
    answers.follow_up(draft, "the policy was changed", because)
    names = ", ".join(sorted(given))
    return answers.applied(
        draft,
        change,
        {place: wanted},
        _details(draft.tenant_id, wanted),
        subject=f"tenant/{draft.tenant_id}",
        sentence=f"The policy was changed: {names}.",
    )


def set_role(draft: Draft, change: SetRole) -> Decision:
    """Make a role or change it; whoever it touches is decided anew, in chunks."""
    before = draft.tenant()
    body = {
        "slug": change.slug,
        "rank": change.rank,
        "is_admin": change.is_admin,
        "is_default": change.is_default,
    }
    after = _with_role(before, change)
    if after == before:
        return answers.unchanged(draft, change, body)
    if len(after.ranks) > limits.ROLES_PER_TENANT:
        detail = f"a tenant has at most {limits.ROLES_PER_TENANT} roles"
        return answers.refused(draft, change, 422, "too_many_roles", detail)
    draft.emit(
        RoleRecorded(
            **draft.common("RoleRecorded"),
            slug=change.slug,
            rank=change.rank,
            is_admin=change.is_admin,
        )
    )
    if after.default_role != before.default_role:
        draft.emit(_tenant_recorded(draft, after))
    if _weighs(after) != _weighs(before):
        phrase = f"the role {change.slug} was set"
        because = Because(kind="role", id=change.slug, name=change.slug)
        answers.follow_up(draft, phrase, because)
    return answers.applied(
        draft,
        change,
        {settings_state.tenant_key(draft.tenant_id): after},
        body,
        subject=f"role/{change.slug}",
        sentence=f"The role {change.slug} was set: {_role_in_words(change)}.",
    )


def create_workspace(draft: Draft, change: CreateWorkspace) -> Decision:
    """Make a workspace; the same again is answered 200, another name 409."""
    place = settings_state.workspace_key(draft.tenant_id, change.slug)
    known = draft.get(place, Workspace)
    body = {"slug": change.slug, "name": change.name}
    if known is not None and known.name != change.name:
        return answers.refused(draft, change, 409, "taken", f"{change.slug} is {known.name}'s slug")
    if known is not None:
        return answers.unchanged(draft, change, body)
    draft.emit(
        WorkspaceRecorded(**draft.common("WorkspaceRecorded"), slug=change.slug, name=change.name)
    )
    return answers.applied(
        draft,
        change,
        {place: Workspace(name=change.name)},
        body,
        subject=f"workspace/{change.slug}",
        sentence=f"The workspace {change.name} was created.",
        status=201,
    )


def _with_role(tenant: Tenant, change: SetRole) -> Tenant:
    admins = {role for role in tenant.admin_roles if role != change.slug}
    default = tenant.default_role
    if change.is_default:
        default = change.slug
    elif default == change.slug:
        default = None
    return state.changed(
        tenant,
        ranks={**tenant.ranks, change.slug: change.rank},
        admin_roles=tuple(sorted(admins | ({change.slug} if change.is_admin else set()))),
        default_role=default,
    )


def _role_in_words(change: SetRole) -> str:
    words = [f"rank {change.rank}"]
    words += ["an admin role"] if change.is_admin else []
    words += ["the default"] if change.is_default else []
    return ", ".join(words)


def _weighs(tenant: Tenant) -> tuple[object, ...]:
    """What of the roles decides about members."""
    return tenant.ranks, tenant.default_role, tenant.admin_roles


def _tenant_recorded(draft: Draft, tenant: Tenant) -> Output:
    details = _details(draft.tenant_id, tenant)
    return TenantRecorded(**draft.common("TenantRecorded") | details)


def _details(tenant_id: str, tenant: Tenant) -> dict[str, Any]:
    """A tenant as its event and the answers describe it."""
    return {
        "tenant_id": tenant_id,
        "name": tenant.name,
        "default_role": tenant.default_role,
        "sole_admin": tenant.sole_admin,
        "breaker": tenant.breaker,
        "linked": tenant.linked,
        "own_attributes": tenant.own_attributes,
        "kept_as_sent": tenant.kept_as_sent,
    }
