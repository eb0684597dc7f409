"""Holds: what an administrator says about them, and what happens when they are over."""

from typing import Final

from processors.core import (
    answers,
    directory,
    gates,
    linking,
    members,
    presence,
    scim_users,
    settling,
)
from processors.core.draft import Decision, Draft
from schemas import state
from schemas.policy import Hold
from schemas.settings_changes import RuleHold
from schemas.state import DirectoryUser, Member, UserKey
from schemas.work import FinishLeaving

_PHRASES: Final = {
    "approve": "an administrator approved it",
    "discard": "an administrator discarded it",
    "separate": "an administrator said that it is somebody new",
}
"""What explains all that follows from a ruling."""


def rule(draft: Draft, change: RuleHold) -> Decision:
    """End a hold, one way or the other, or refuse for good what it holds."""
    member = draft.get(state.member_key(draft.tenant_id, change.member_id), Member)
    if member is None or member.hold is None:
        detail = f"nothing of {change.member_id} is on hold"
        return answers.refused(draft, change, 404, "no_hold", detail)
    hold, body = member.hold, {"member_id": change.member_id, "ruling": change.ruling}
    if (lacking := _lacking(change, member, hold)) is not None:
        return answers.refused(draft, change, 409, *lacking)
    if change.ruling == "discard" and hold.discarded:
        return answers.unchanged(draft, change, body)
    draft.trigger = state.changed(draft.trigger, phrase=_PHRASES[change.ruling])
    if member.rivals and change.ruling != "discard":
        return settling.settle(draft, change, member)
    if hold.reason == "conflict" and change.ruling != "discard":
        _identify(draft, change.member_id, member, same=change.ruling == "approve")
    else:
        word: gates.Word = "discard" if change.ruling == "discard" else "approve"
        members.reevaluate(draft, change.member_id, word)
    draft.settle(change, 200, body)
    return draft.decision()


def _lacking(change: RuleHold, member: Member, hold: Hold) -> tuple[str, str] | None:
    """Why a ruling does not fit what is on hold."""
    name = member.display_name
    if change.reason not in {None, hold.reason}:
        return "changed", f"what is on hold of {name} is {hold.reason} by now: look again"
    if change.ruling == "separate" and hold.reason != "conflict":
        doubt = f"nobody doubts who {name} is: approve or discard what is on hold"
        return f"not_for_{hold.reason}", doubt
    if change.into is not None and (change.ruling != "approve" or not member.rivals):
        return "no_choice", f"there is no other member whom {name} could be"
    return None


def finish(draft: Draft, work: FinishLeaving) -> None:
    """Apply the departure of a directory user whom the IdP wanted gone, if nothing holds it now."""
    key = UserKey(work.directory_id, work.user_id)
    user = draft.get(directory.user_place(draft, key), DirectoryUser)
    if user is None or user.leaving is None:
        return  # it was taken back since
    if presence.is_gone(draft.directory(work.directory_id), user.stamp):
        return
    if user.member_id is not None:  # else nobody keeps them: they were unlinked
        member = draft.get(state.member_key(draft.tenant_id, user.member_id), Member)
        if member is None or member.hold is not None:
            return
    if user.leaving == "deleted":
        scim_users.end(draft, key, user)
    else:
        scim_users.deactivate(draft, key, user)


def _identify(draft: Draft, member_id: str, member: Member, *, same: bool) -> None:
    """Say who came back under another id: the member, or somebody else."""
    touched = {member_id: None}
    for key in member.users:
        place = directory.user_place(draft, key)
        user = draft.get(place, DirectoryUser)
        if user is None or not user.in_conflict:
            continue
        idp_id = scim_users.idp_id_of(key, user.resource)
        user = state.changed(user, idp_id=idp_id, in_conflict=False)
        user = (linking.same if same else linking.another)(draft, key, user)
        draft.put(place, user)
        directory.tell_user(draft, key, user)
        if user.member_id is not None:
            touched[user.member_id] = None
    for each in touched:
        members.reevaluate(draft, each)
