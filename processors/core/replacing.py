"""One directory in the place of another: WorkOS by direct SCIM, or an IdP by another one.

The new one is tested first: its people are linked to those of the old one, and nobody's access
moves.  Then it is switched to, and the old one ends (access-rules §4).
"""

from typing import Any

from processors.core import answers, explain
from processors.core.draft import Decision, Draft
from schemas import state
from schemas.access import Because
from schemas.changes import AnyReportedChange, MembershipRemoved, UserDeleted, UserReported
from schemas.origin import Stamp
from schemas.recorded import DirectoryRecorded
from schemas.scim_state import Warned, warned_key
from schemas.settings_changes import CreateDirectory, SetDirectory, SwitchDirectory
from schemas.state import Directory
from schemas.work import ReevaluateDirectory


def lacking(draft: Draft, change: CreateDirectory | SetDirectory) -> tuple[int, str, str] | None:
    """Why a directory cannot replace another one."""
    if change.replaces is None:
        return None
    old = draft.get(state.directory_key(draft.tenant_id, change.replaces), Directory)
    if old is None or change.replaces == change.directory_id:
        return 404, "unknown_directory", f"no other directory {change.replaces} in this tenant"
    if old.replaced_by is not None:
        return 409, "replaced", f"{old.name} was replaced by {old.replaced_by}"
    return _unfit(draft, change)


def _unfit(draft: Draft, change: CreateDirectory | SetDirectory) -> tuple[int, str, str] | None:
    """Why a directory cannot come into another one's place any more.

    What was switched to stays in that one's place: by it is known whose grants are over.
    """
    known = draft.get(state.directory_key(draft.tenant_id, change.directory_id), Directory)
    if known is None or known.replaces == change.replaces:
        return None
    if known.replaces is not None and (
        draft.directory(known.replaces).replaced_by == change.directory_id
    ):
        return 409, "switched", f"{known.name} has replaced {known.replaces} already"
    if known.deleted_at is not None:
        return 409, "ended", f"{known.name} has ended: it replaces no other"
    mode = change.mode if isinstance(change, SetDirectory) else None
    if (mode or known.mode) != "testing":
        return 409, "not_testing", f"{known.name} moves access: put it into mode testing first"
    return None


def begin(draft: Draft, directory_id: str, directory: Directory) -> None:
    """Who came before it was said whose place the directory takes may be known now.

    And of who is in both, what the directory alone would give.
    """
    assert directory.replaces is not None
    because = Because(kind="directory", id=directory.replaces, name=directory.name)
    phrase = f"{directory.name} replaces another directory"
    trigger = state.changed(draft.trigger, phrase=phrase, because=because)
    again = ReevaluateDirectory(trigger=trigger, directory_id=directory_id)
    draft.schedule(draft.now, again, "replaces")


def switch(draft: Draft, change: SwitchDirectory) -> Decision:
    """From now on the new directory speaks for its people, and the old one for nobody of them.

    Whom the new one does not have keep their access or lose it, as the old one's end says.
    """
    new = draft.get(state.directory_key(draft.tenant_id, change.directory_id), Directory)
    if new is None:
        detail = f"no directory {change.directory_id} in this tenant"
        return answers.refused(draft, change, 404, "unknown_directory", detail)
    if new.replaces is None or new.deleted_at is not None:
        detail = f"{new.name} replaces no directory: say first which"
        if new.deleted_at is not None:
            detail = f"{new.name} has ended: it replaces no other"
        return answers.refused(draft, change, 409, "replaces_nothing", detail)
    old = draft.directory(new.replaces)
    if old.replaced_by == change.directory_id:
        return answers.unchanged(draft, change, details(change.directory_id, new))
    if old.replaced_by is not None:
        detail = f"{old.name} was replaced by {old.replaced_by}"
        return answers.refused(draft, change, 409, "replaced", detail)
    started, ended = _switched(draft, change.directory_id, new, old)
    return answers.applied(
        draft,
        change,
        {
            state.directory_key(draft.tenant_id, change.directory_id): started,
            state.directory_key(draft.tenant_id, new.replaces): ended,
        },
        details(change.directory_id, started),
        subject=f"directory/{change.directory_id}",
        sentence=f"The directory {new.name} replaced {old.name}, whose other people"
        f" {explain.ENDS[old.on_disconnect]}.",
    )


def ignored(draft: Draft, change: AnyReportedChange) -> Decision | None:
    """What a replaced directory goes on reporting counts no more; None where there is no such.

    It is told once.  What only takes away still counts: it may have been on its way at the switch.
    """
    found = draft.directory(change.directory_id)
    if found.replaced_by is None or _only_takes_away(change):
        return None
    place = warned_key(draft.tenant_id, change.directory_id, "replaced", change.directory_id)
    if draft.get(place, Warned) is None:
        draft.put(place, Warned())
        sentence = (
            f"Ignored what {explain.idp(found)} goes on reporting: {found.name} was replaced;"
            " end it at WorkOS."
        )
        subject = f"directory/{change.directory_id}"
        draft.audit(subject, sentence, decision="ignored", part="replaced")
    return draft.decision("refused")


def _only_takes_away(change: AnyReportedChange) -> bool:
    match change:
        case UserDeleted() | MembershipRemoved():
            return True
        case UserReported():
            return not change.user.active
        case _:
            return False


def _switched(
    draft: Draft, directory_id: str, new: Directory, old: Directory
) -> tuple[Directory, Directory]:
    """Both as they stand now; their people follow in chunks."""
    assert new.replaces is not None
    at = draft.tick(new.replaces) if old.kind == "scim" else Stamp(draft.now, draft.trigger.cause)
    started = state.changed(new, mode="active")
    ended = state.changed(old, replaced_by=directory_id, deleted_at=at, stamp=at, connected=False)
    because = Because(kind="directory", id=directory_id, name=new.name)
    phrase = f"{new.name} replaced {old.name}"
    trigger = state.changed(draft.trigger, phrase=phrase, because=because)
    draft.emit(recorded(draft, directory_id, started))
    draft.emit(recorded(draft, new.replaces, ended))
    # Who is in both has to be known before anybody loses what the old one granted.
    last = ReevaluateDirectory(trigger=trigger, directory_id=new.replaces, told=old.deleted_at)
    first = ReevaluateDirectory(trigger=trigger, directory_id=directory_id, then=last)
    draft.schedule(draft.now, first, directory_id)
    return started, ended


def recorded(draft: Draft, directory_id: str, directory: Directory) -> DirectoryRecorded:
    """A directory as it stands now."""
    return DirectoryRecorded(
        **draft.common("DirectoryRecorded", directory_id), **details(directory_id, directory)
    )


def details(directory_id: str, directory: Directory) -> dict[str, Any]:
    """A directory as its event and the answers describe it."""
    return {
        "directory_id": directory_id,
        "name": directory.name,
        "provider": directory.provider,
        "kind": directory.kind,
        "mode": directory.mode,
        "connected": directory.connected,
        "on_disconnect": directory.on_disconnect,
        "ended_at": None if directory.deleted_at is None else directory.deleted_at.at,
        "replaces": directory.replaces,
        "replaced_by": directory.replaced_by,
    }
