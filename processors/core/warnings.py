"""What a directory's administrators should know, told once each (access-rules §2)."""

from collections.abc import Iterable

from processors.core.draft import Draft
from schemas import limits
from schemas.recorded import WarningKind, WarningRecorded
from schemas.scim_state import Warned, warned_key


def ignored_attributes(draft: Draft, directory_id: str, names: Iterable[str]) -> None:
    """The IdP sends attributes that are not kept."""
    for name in names:
        _warn(draft, directory_id, "ignored_attribute", name)


def unknown_members(draft: Draft, directory_id: str, group_id: str) -> None:
    """The IdP puts somebody into a group whom it has not sent."""
    _warn(draft, directory_id, "unknown_member", group_id)


def _warn(draft: Draft, directory_id: str, kind: WarningKind, what: str) -> None:
    place = warned_key(draft.tenant_id, directory_id, kind, what)
    if draft.get(place, Warned) is not None:
        return
    count_place = warned_key(draft.tenant_id, directory_id, kind, "")  # a name is never empty
    known = draft.get(count_place, Warned) or Warned()
    if known.count >= limits.WARNINGS:
        return
    draft.put(count_place, Warned(count=known.count + 1))
    draft.put(place, Warned())
    draft.emit(
        WarningRecorded(
            **draft.common("WarningRecorded", kind, what),
            directory_id=directory_id,
            kind=kind,
            what=what,
        )
    )
