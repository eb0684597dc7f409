"""A directory's life: given to a tenant, connected to its IdP, and deleted one day.

What its end means for people is the tenant's policy (access-rules §5), and follows in chunks.
"""

from typing import assert_never

from processors.core import answers, explain, replacing
from processors.core.draft import Decision, Draft
from processors.core.replacing import details, recorded
from schemas import state
from schemas.access import Because
from schemas.changes import DirectoryDeleted, DirectoryNoted, DirectoryStateReported
from schemas.settings_changes import CreateDirectory, DisconnectDirectory, SetDirectory
from schemas.state import Directory
from schemas.work import ReevaluateDirectory


def create_directory(draft: Draft, change: CreateDirectory) -> Decision:
    """Give a directory to the tenant; the same again is answered 200, other details 409."""
    place = state.directory_key(draft.tenant_id, change.directory_id)
    known = draft.get(place, Directory)
    wanted = Directory(
        name=change.name,
        provider=change.provider,
        kind=change.kind,
        mode="active" if change.replaces is None else "testing",  # until it is switched to
        replaces=change.replaces,
    )
    if known is None and (lacking := replacing.lacking(draft, change)) is not None:
        return answers.refused(draft, change, *lacking)
    if known is None:
        draft.emit(recorded(draft, change.directory_id, wanted))
        return answers.applied(
            draft,
            change,
            {place: wanted},
            details(change.directory_id, wanted),
            subject=f"directory/{change.directory_id}",
            sentence=f"The directory {change.name} was connected.",
            status=201,
        )
    same = (known.name, known.provider, known.kind) == (wanted.name, wanted.provider, wanted.kind)
    if not same or change.replaces not in {None, known.replaces}:
        detail = f"{change.directory_id} is already there as {known.name} ({known.provider})"
        return answers.refused(draft, change, 409, "taken", detail)
    return answers.unchanged(draft, change, details(change.directory_id, known))


def set_directory(draft: Draft, change: SetDirectory) -> Decision:
    """Say what the directory's end means; where it has ended, its people are decided anew."""
    place = state.directory_key(draft.tenant_id, change.directory_id)
    known = draft.get(place, Directory)
    if known is None:
        detail = f"no directory {change.directory_id} in this tenant"
        return answers.refused(draft, change, 404, "unknown_directory", detail)
    wanted = state.changed(
        known,
        on_disconnect=change.on_disconnect or known.on_disconnect,
        mode=change.mode or known.mode,
        replaces=change.replaces or known.replaces,
    )
    if wanted == known:
        return answers.unchanged(draft, change, details(change.directory_id, known))
    if (lacking := replacing.lacking(draft, change)) is not None:
        return answers.refused(draft, change, *lacking)
    draft.emit(recorded(draft, change.directory_id, wanted))
    if wanted.replaces != known.replaces:
        replacing.begin(draft, change.directory_id, wanted)
    outcome = f"people of {known.name} {explain.ENDS[wanted.on_disconnect]} when it ends"
    if known.mode != wanted.mode:
        outcome = f"the directory {known.name} is {wanted.mode}"
    elif known.replaces != wanted.replaces and change.on_disconnect is None:
        outcome = f"the directory {known.name} replaces {wanted.replaces}"
    if known.deleted_at is not None or known.mode != wanted.mode:
        because = Because(kind="directory", id=change.directory_id, name=known.name)
        trigger = state.changed(draft.trigger, phrase=outcome, because=because)
        again = ReevaluateDirectory(
            trigger=trigger, directory_id=change.directory_id, told=known.deleted_at
        )
        draft.schedule(draft.now, again)
    return answers.applied(
        draft,
        change,
        {place: wanted},
        details(change.directory_id, wanted),
        subject=f"directory/{change.directory_id}",
        sentence=f"From now on {outcome}.",
    )


def state_reported(draft: Draft, change: DirectoryStateReported) -> Decision:
    """The directory is connected to its IdP, or no longer; nobody's access moves by it."""
    known = draft.directory(change.directory_id)
    subject = f"directory/{change.directory_id}"
    if known.stamp is not None and change.stamp <= known.stamp:
        what = f"an older report about the directory {known.name}"
        return draft.not_newer(change.stamp, known.stamp, subject, what)
    _record(draft, change, state.changed(known, stamp=change.stamp, connected=change.connected))
    connected = "was connected"
    gone = "was disconnected at WorkOS; nobody's access changed"
    draft.audit(subject, f"{explain.idp(known)} {connected if change.connected else gone}.")
    return draft.decision()


def directory_deleted(draft: Draft, change: DirectoryDeleted) -> Decision:
    """The directory is gone, with all that was in it; what follows for people goes in chunks."""
    known = draft.directory(change.directory_id)
    subject = f"directory/{change.directory_id}"
    if known.deleted_at is not None and change.stamp <= known.deleted_at:
        what = f"an older deletion of the directory {known.name}"
        return draft.not_newer(change.stamp, known.deleted_at, subject, what)
    ended = state.changed(known, deleted_at=change.stamp)
    if known.stamp is None or known.stamp < change.stamp:
        ended = state.changed(ended, stamp=change.stamp, connected=False)
    _record(draft, change, ended)
    cascade = ReevaluateDirectory(
        trigger=draft.trigger, directory_id=change.directory_id, told=known.deleted_at
    )
    draft.schedule(draft.now, cascade)
    people = explain.ENDS[known.on_disconnect]
    draft.audit(subject, f"The directory {known.name} was deleted; its people {people}.")
    return draft.decision()


def disconnect_directory(draft: Draft, change: DisconnectDirectory) -> Decision:
    """End a SCIM directory by an administrator's word, as WorkOS ends its own."""
    place = state.directory_key(draft.tenant_id, change.directory_id)
    known = draft.get(place, Directory)
    if known is None:
        detail = f"no directory {change.directory_id} in this tenant"
        return answers.refused(draft, change, 404, "unknown_directory", detail)
    if known.kind != "scim":
        detail = f"{known.name} is connected through WorkOS: delete it there"
        return answers.refused(draft, change, 409, "workos_directory", detail)
    if known.deleted_at is not None:
        return answers.unchanged(draft, change, details(change.directory_id, known))
    stamp = draft.tick(change.directory_id)
    ended = state.changed(known, deleted_at=stamp, stamp=stamp, connected=False)
    draft.emit(recorded(draft, change.directory_id, ended))
    because = Because(kind="directory", id=change.directory_id, name=known.name)
    phrase = f"the directory {known.name} was disconnected"
    trigger = state.changed(draft.trigger, phrase=phrase, because=because)
    draft.schedule(
        draft.now, ReevaluateDirectory(trigger=trigger, directory_id=change.directory_id)
    )
    return answers.applied(
        draft,
        change,
        {place: ended},
        details(change.directory_id, ended),
        subject=f"directory/{change.directory_id}",
        sentence=f"The directory {known.name} was disconnected; its people"
        f" {explain.ENDS[known.on_disconnect]}.",
    )


def noted(draft: Draft, change: DirectoryNoted) -> Decision:
    """Something that changes nothing here: one audit entry, whose repeat is silent."""
    if not draft.mark():
        return Decision(outcome="repeat")
    idp = explain.idp(draft.directory(change.directory_id))
    subject = f"directory/{change.directory_id}"
    match change.note:
        case "unknown_event":
            sentence = f"{idp} sent {change.detail}, which Rollcall does not know."
            draft.audit(subject, sentence, decision="ignored")
        case "token_created":
            draft.audit(subject, f"A token of {idp} that ends in {change.detail} was created.")
        case "token_revoked":
            draft.audit(subject, f"A token of {idp} that ends in {change.detail} was revoked.")
        case _:
            assert_never(change.note)
    return draft.decision()


def _record(
    draft: Draft, change: DirectoryStateReported | DirectoryDeleted, directory: Directory
) -> None:
    draft.put(state.directory_key(draft.tenant_id, change.directory_id), directory)
    draft.emit(recorded(draft, change.directory_id, directory))
