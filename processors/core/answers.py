"""How a change of settings ends: applied, unchanged or refused, and answered to who asked."""

from typing import Any, Literal

from processors.core.draft import Decision, Draft
from schemas import state
from schemas.access import Because
from schemas.settings_changes import AnySettingsChange
from schemas.state import State
from schemas.work import ReevaluateGroup, ReevaluateTenant


def follow_up(
    draft: Draft, phrase: str, because: Because, group: tuple[str, str] | None = None
) -> None:
    """Leave the re-evaluation of a group, or of the whole tenant, to chunks."""
    trigger = state.changed(draft.trigger, phrase=phrase, because=because)
    if group is None:
        draft.schedule(draft.now, ReevaluateTenant(trigger=trigger))
    else:
        draft.schedule(
            draft.now,
            ReevaluateGroup(trigger=trigger, directory_id=group[0], group_id=group[1]),
        )


def applied(
    draft: Draft,
    change: AnySettingsChange,
    writes: dict[bytes, State | None],
    body: dict[str, Any],
    *,
    subject: str,
    sentence: str,
    status: Literal[200, 201] = 200,
) -> Decision:
    """The setting is written, audited and answered."""
    for place, record in writes.items():
        draft.put(place, record)
    draft.audit(subject, sentence)
    draft.settle(change, status, body)
    return draft.decision()


def unchanged(draft: Draft, change: AnySettingsChange, body: dict[str, Any]) -> Decision:
    """The same is already set: answered, and nothing is written."""
    draft.settle(change, 200, body)
    return draft.decision("repeat")


def refused(
    draft: Draft, change: AnySettingsChange, status: int, error: str, detail: str
) -> Decision:
    """The change cannot be: audited, answered, and nothing is written."""
    draft.audit(f"tenant/{draft.tenant_id}", f"Refused: {detail}.", decision="refused")
    draft.settle(change, status, {"error": error, "detail": detail})
    return draft.decision("refused")


def no_tenant(draft: Draft, change: AnySettingsChange) -> Decision:
    """A tenant that does not exist has no audit log either: only the asker is told."""
    detail = f"no tenant {draft.tenant_id}: create it first"
    draft.settle(change, 404, {"error": "unknown_tenant", "detail": detail})
    return draft.decision("refused")
