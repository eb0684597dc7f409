"""What can be granted: roles and workspaces that are there."""

from processors.core.draft import Draft
from schemas import limits, settings_state
from schemas.access import WorkspaceGrant
from schemas.settings_state import Workspace


def lacking(
    draft: Draft, role: str | None, workspaces: tuple[WorkspaceGrant, ...]
) -> tuple[str, str] | None:
    """Why something cannot be granted: a code and a sentence; None where it can be."""
    slugs = [grant.workspace for grant in workspaces]
    if len(set(slugs)) < len(slugs):
        return "workspace_twice", "name each workspace once"
    if len(slugs) > limits.WORKSPACES_PER_MAPPING:
        most = limits.WORKSPACES_PER_MAPPING
        return "too_many_workspaces", f"at most {most} workspaces can be granted at once"
    for slug in slugs:
        if draft.get(settings_state.workspace_key(draft.tenant_id, slug), Workspace) is None:
            return "unknown_workspace", f"no workspace {slug}: create it first"
    ranks = draft.tenant().ranks
    for each in [role, *(grant.role for grant in workspaces)]:
        if each is not None and each not in ranks:
            return "unknown_role", f"no role {each}: set it first"
    return None
