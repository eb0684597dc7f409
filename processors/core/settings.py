"""Every kind of change that administrators and the product ask for, and who decides it."""

from typing import assert_never

from processors.core import (
    answers,
    connection,
    domains,
    holds,
    letters,
    mapping,
    product,
    relinking,
    replacing,
    tenancy,
    tokens,
)
from processors.core.draft import Decision, Draft
from schemas.changes import DropDeadLetter
from schemas.settings_changes import (
    AnySettingsChange,
    CreateDirectory,
    CreateTenant,
    CreateToken,
    CreateWorkspace,
    DisconnectDirectory,
    LinkMember,
    RemoveDomain,
    RemoveProductMember,
    RevokeToken,
    RuleHold,
    SetDirectory,
    SetDomain,
    SetMapping,
    SetPolicy,
    SetProductMember,
    SetRole,
    SwitchDirectory,
    UnlinkMember,
)
from schemas.settings_state import Tenant, tenant_key


def decide(  # noqa: C901, PLR0911, PLR0912 # one arm a kind of change is the point
    draft: Draft, change: AnySettingsChange | DropDeadLetter
) -> Decision:
    """What follows from a change of settings, in a tenant that is there."""
    is_there = draft.get(tenant_key(draft.tenant_id), Tenant) is not None
    if not is_there and not isinstance(change, CreateTenant | DropDeadLetter):
        return answers.no_tenant(draft, change)
    match change:
        case CreateTenant():
            return tenancy.create_tenant(draft, change)
        case SetPolicy():
            return tenancy.set_policy(draft, change)
        case SetRole():
            return tenancy.set_role(draft, change)
        case CreateWorkspace():
            return tenancy.create_workspace(draft, change)
        case CreateDirectory():
            return connection.create_directory(draft, change)
        case SetDirectory():
            return connection.set_directory(draft, change)
        case DisconnectDirectory():
            return connection.disconnect_directory(draft, change)
        case SwitchDirectory():
            return replacing.switch(draft, change)
        case CreateToken():
            return tokens.create(draft, change)
        case RevokeToken():
            return tokens.revoke(draft, change)
        case SetMapping():
            return mapping.set_mapping(draft, change)
        case RuleHold():
            return holds.rule(draft, change)
        case SetProductMember():
            return product.set_member(draft, change)
        case RemoveProductMember():
            return product.remove_member(draft, change)
        case LinkMember():
            return relinking.link(draft, change)
        case UnlinkMember():
            return relinking.unlink(draft, change)
        case SetDomain():
            return domains.set_domain(draft, change)
        case RemoveDomain():
            return domains.remove_domain(draft, change)
        case DropDeadLetter():
            return letters.drop(draft, change)
        case _:
            assert_never(change)
