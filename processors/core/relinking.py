"""Administrators link directory users to members, and unlink them (access-rules §4)."""

from collections.abc import Iterator

from msgspec import structs

from processors.core import (
    access,
    answers,
    description,
    directory,
    explain,
    gate_records,
    linking,
    matching,
    members,
)
from processors.core.draft import Decision, Draft
from schemas import state
from schemas.access import Because
from schemas.manual import Manual
from schemas.settings_changes import LinkMember, UnlinkMember
from schemas.state import DirectoryUser, Link, Member, UserKey


def link(draft: Draft, change: LinkMember) -> Decision:
    """A directory user is a member; whose it was before has it no longer."""
    key = UserKey(change.directory_id, change.user_id)
    user = draft.get(directory.user_place(draft, key), DirectoryUser)
    member = draft.get(state.member_key(draft.tenant_id, change.member_id), Member)
    body = {"member_id": change.member_id} | structs.asdict(key)
    if user is None or user.deleted:
        detail = f"no user {change.user_id} in the directory {change.directory_id}"
        return answers.refused(draft, change, 404, "unknown_user", detail)
    if member is None or member.rivals:
        return _no_member(draft, change)
    if user.member_id == change.member_id:
        return answers.unchanged(draft, change, body)
    if any(other.directory_id == key.directory_id for other in member.users):
        detail = f"{member.display_name} is somebody else of that directory: unlink them first"
        return answers.refused(draft, change, 409, "linked", detail)
    _explain(draft, f"an administrator linked {user.display_name}", key.directory_id)
    draft.audit(
        f"member/{change.member_id}",
        f"{user.display_name} of {explain.idp(draft.directory(key.directory_id))} was linked to"
        f" {member.display_name}.",
        part="link",
    )
    move(draft, _same_person(draft, key, user), change.member_id)
    draft.settle(change, 200, body)
    return draft.decision()


def unlink(draft: Draft, change: UnlinkMember) -> Decision:
    """A directory speaks for a member no longer; the access that it gave stays as a manual one.

    But not where other directories go on speaking for the member: what they say counts alone.
    """
    place = state.member_key(draft.tenant_id, change.member_id)
    member = draft.get(place, Member)
    if member is None or member.rivals:
        return _no_member(draft, change)
    if not access.is_linked(member, change.directory_id):
        detail = f"nobody of the directory {change.directory_id} is {member.display_name}"
        return answers.refused(draft, change, 404, "not_linked", detail)
    _explain(draft, f"an administrator unlinked {member.display_name}", change.directory_id)
    left = member
    for directory_id in _with_former(draft, change.directory_id):
        _untie_all(draft, directory_id, member)
        left = linking.close(draft, directory_id, change.member_id, left)
    modes = {draft.directory(each).mode for each in left.spoken_for}
    alone = modes <= {"testing"}  # nobody's access moves by a test
    kept = state.changed(left, manual=_kept(left)) if alone else left
    draft.put(place, kept)
    if alone:
        description.tell_manual(draft, change.member_id, kept)
    idp = explain.idp(draft.directory(change.directory_id))
    what = "keeps their access" if alone else "has what other directories say"
    sentence = f"{member.display_name} was unlinked from {idp} and {what}."
    draft.audit(f"member/{change.member_id}", sentence, part="unlink")
    members.reevaluate(draft, change.member_id, was=member)
    body = {"member_id": change.member_id, "directory_id": change.directory_id}
    draft.settle(change, 200, body)
    return draft.decision()


def move(draft: Draft, users: access.Users, member_id: str) -> None:
    """Make directory users another member's, all at once, and decide about whom that touches."""
    former: dict[str, None] = {}
    for key, user in users:
        free = user
        if user.member_id is not None:
            former[user.member_id] = None
            free = linking.untie(draft, key, user)
        put(draft, key, linking.tie(draft, key, free, member_id))
    members.reevaluate(draft, member_id)
    for each in former:
        let_go(draft, each)


def let_go(draft: Draft, member_id: str) -> None:
    """Decide about a member who has a directory user less; of whom nobody knows, it is gone."""
    members.reevaluate(draft, member_id)
    place = state.member_key(draft.tenant_id, member_id)
    member = draft.member(member_id)
    if member.users or member.external_ids or member.provisioned or member.manual is not None:
        return
    matching.index(draft, member_id, member, Member())
    draft.put(place, None)


def _same_person(draft: Draft, key: UserKey, user: DirectoryUser) -> access.Users:
    """All users of a directory that are one person at the IdP: whom one of them is, all are."""
    link = draft.get(state.link_key(draft.tenant_id, key.directory_id, user.idp_id), Link)
    member_id = link.member_id if link is not None else user.member_id
    place = state.member_key(draft.tenant_id, member_id or "")
    before = None if member_id is None else draft.get(place, Member)
    others = () if before is None else access.users_of(draft, before)
    same = [(k, u) for k, u in others if k != key and k.directory_id == key.directory_id]
    return ((key, user), *(each for each in same if each[1].idp_id == user.idp_id))


def _with_former(draft: Draft, directory_id: str) -> Iterator[str]:
    """A directory, and those in whose place it came: what they granted is over too."""
    yield directory_id
    former = draft.directory(directory_id).replaces
    if former is not None and draft.directory(former).replaced_by == directory_id:
        yield from _with_former(draft, former)


def _untie_all(draft: Draft, directory_id: str, member: Member) -> None:
    """No user of a directory is the member any more, and no report links them again."""
    for key, user in access.users_of(draft, member):
        if key.directory_id == directory_id:
            put(draft, key, state.changed(linking.untied(user), unlinked=True))
            if user.leaving is not None:  # nothing keeps them any more, for they are nobody's
                gate_records.let_leave(draft, key, user)


def _kept(member: Member) -> Manual:
    """What was applied, as what the product itself grants."""
    applied, known = member.applied, member.manual or Manual()
    has_left = applied.standing == "none"
    return Manual(
        standing="suspended" if has_left and known.standing == "active" else known.standing,
        role=applied.role,
        workspaces=applied.workspaces,
        email=member.email,
        display_name=member.display_name,
        joined_at=known.joined_at,
        protected=known.protected,
    )


def put(draft: Draft, key: UserKey, user: DirectoryUser) -> None:
    """Write a directory user who is another member's now, and tell it."""
    draft.put(directory.user_place(draft, key), user)
    directory.tell_user(draft, key, user)


def _explain(draft: Draft, phrase: str, directory_id: str) -> None:
    name = draft.directory(directory_id).name
    because = Because(kind="directory", id=directory_id, name=name)
    draft.trigger = state.changed(draft.trigger, phrase=phrase, because=because)


def _no_member(draft: Draft, change: LinkMember | UnlinkMember) -> Decision:
    detail = f"no member {change.member_id} in this tenant"
    return answers.refused(draft, change, 404, "unknown_member", detail)
