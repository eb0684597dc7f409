"""Conflicts are settled: who somebody on hold is of whom nobody was told yet.

An administrator says it, or it is known since: a domain is verified, the product gives an id, the
IdP another address (access-rules §4).
"""

from processors.core import access, answers, explain, linking, matching, members, relinking
from processors.core.draft import Decision, Draft
from schemas import state
from schemas.settings_changes import RuleHold
from schemas.state import Member


def settle(draft: Draft, change: RuleHold, member: Member) -> Decision:
    """Say who somebody is whom a directory reported for the first time."""
    body = {"member_id": change.member_id, "ruling": change.ruling}
    if change.ruling == "separate":
        _make_own(draft, change.member_id, member)
    else:
        into = change.into or (member.rivals[0] if len(member.rivals) == 1 else None)
        if into is None or into not in member.rivals:
            detail = f"{member.display_name} may be any of {explain.listing([*member.rivals])}"
            return answers.refused(draft, change, 409, "several", f"{detail}: say into which")
        why_not = _why_out(draft, into) or _merge(draft, member, into)
        if why_not is not None:
            return answers.refused(draft, change, 409, "linked", why_not)
        body["into"] = into
    draft.settle(change, 200, body)
    return draft.decision()


def settle_if_known(draft: Draft, member_id: str) -> None:
    """See whether it is known by now who somebody is; by what, the audit log says."""
    member = draft.get(state.member_key(draft.tenant_id, member_id), Member)
    if member is None or not (member.rivals or _is_untold(member)):
        return
    users = access.users_of(draft, member)
    heard = [each for each in access.speaking(draft, member, users) if not each[1].deleted]
    there = [each for each in heard if each[1].active]
    if member.rivals and not there:
        _forget(draft, member_id, users)
        return
    if not heard or (member.hold is not None and member.hold.discarded):
        return  # nobody is there, or somebody wants nobody to be let in for it
    key, user = (there or heard)[0]
    match = matching.of_user(draft, key, linking.untied(user))
    if member.rivals or matching.is_of_replaced(draft, key, match.member_id, *match.rivals):
        _settle_as(draft, member_id, member, match)
        if draft.get(state.member_key(draft.tenant_id, member_id), Member) is None:
            linking.tell(draft, key, user, match)


def _settle_as(draft: Draft, member_id: str, member: Member, match: matching.Match) -> None:
    """Make of a member whom it is known to be; who cannot be that one by now stays as they are."""
    if match.member_id is not None:
        _merge(draft, member, match.member_id)
    elif not match.rivals:
        _make_own(draft, member_id, member)
    elif match.rivals != member.rivals:
        place = state.member_key(draft.tenant_id, member_id)
        draft.put(place, state.changed(member, rivals=match.rivals))
        members.reevaluate(draft, member_id, was=member)


def _is_untold(member: Member) -> bool:
    """Whether nobody was told of a member yet: it may turn out to be another one."""
    return not member.provisioned and member.manual is None


def _why_out(draft: Draft, member_id: str) -> str | None:
    """Why nobody can be made somebody whom the product has no longer: they would stay out."""
    member = draft.get(state.member_key(draft.tenant_id, member_id), Member)
    if member is None or member.manual is None or member.manual.standing != "removed":
        return None
    return f"the product has {member.display_name} no longer"


def _merge(draft: Draft, member: Member, into: str) -> str | None:
    """Make of somebody on hold the member that they are, or say why they cannot be."""
    target = draft.get(state.member_key(draft.tenant_id, into), Member)
    if target is None:
        return f"{into} is no member any more"
    held = {key.directory_id for key in target.users}
    if any(key.directory_id in held for key in member.users):
        return f"{target.display_name} is somebody else of that directory by now"
    relinking.move(draft, access.users_of(draft, member), into)
    return None


def _forget(draft: Draft, member_id: str, users: access.Users) -> None:
    """Nobody on hold is there any more: who comes again comes for the first time."""
    for key, user in users:
        relinking.put(draft, key, linking.untie(draft, key, user))
    relinking.let_go(draft, member_id)


def _make_own(draft: Draft, member_id: str, member: Member) -> None:
    """Somebody on hold is a new member."""
    place = state.member_key(draft.tenant_id, member_id)
    draft.put(place, state.changed(member, rivals=()))
    members.reevaluate(draft, member_id, was=member)
