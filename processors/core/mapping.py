"""What directory groups grant: set by the product, never derived from a group's name."""

from typing import Any

from processors.core import answers, grants
from processors.core.draft import Decision, Draft
from schemas import settings_state, state
from schemas.access import Because
from schemas.recorded import MappingRecorded
from schemas.settings_changes import SetMapping
from schemas.settings_state import Mapping
from schemas.state import Directory, DirectoryGroup


def set_mapping(draft: Draft, change: SetMapping) -> Decision:
    """Say what a group grants; a group that nobody reported yet may be mapped in advance."""
    if (lacking := _lacking(draft, change)) is not None:
        return answers.refused(draft, change, *lacking)
    place = settings_state.mapping_key(draft.tenant_id, change.directory_id, change.group_id)
    workspaces = tuple(sorted(change.workspaces, key=lambda grant: grant.workspace))
    is_grant = change.role is not None or bool(workspaces)
    wanted = Mapping(role=change.role, workspaces=workspaces) if is_grant else None
    settings: dict[str, Any] = {
        "directory_id": change.directory_id,
        "group_id": change.group_id,
        "role": change.role,
    }
    body = settings | {
        "workspaces": [{"workspace": g.workspace, "role": g.role} for g in workspaces]
    }
    if draft.get(place, Mapping) == wanted:
        return answers.unchanged(draft, change, body)
    name = _group_name(draft, change)
    draft.emit(
        MappingRecorded(**draft.common("MappingRecorded"), **settings, workspaces=workspaces)
    )
    phrase = f"the mapping of {name} was set"
    because = Because(kind="mapping", id=change.group_id, name=name)
    answers.follow_up(draft, phrase, because, group=(change.directory_id, change.group_id))
    return answers.applied(
        draft,
        change,
        {place: wanted},
        body,
        subject=f"mapping/{change.directory_id}/{change.group_id}",
        sentence=f"The group {name} now grants {_mapping_in_words(wanted)}.",
    )


def _lacking(draft: Draft, change: SetMapping) -> tuple[int, str, str] | None:
    """Why a mapping cannot be set: what it names must exist."""
    if draft.get(state.directory_key(draft.tenant_id, change.directory_id), Directory) is None:
        return 404, "unknown_directory", f"no directory {change.directory_id} in this tenant"
    lacking = grants.lacking(draft, change.role, change.workspaces)
    return None if lacking is None else (422, *lacking)


def _group_name(draft: Draft, change: SetMapping) -> str:
    place = state.group_key(draft.tenant_id, change.directory_id, change.group_id)
    group = draft.get(place, DirectoryGroup)
    return (group.name if group else "") or change.group_id


def _mapping_in_words(mapping: Mapping | None) -> str:
    if mapping is None:
        return "nothing"
    words = [f"the role {mapping.role}"] if mapping.role else []
    words += [f"the workspace {grant.workspace}" for grant in mapping.workspaces]
    return ", ".join(words)
