"""Which member a directory user is.

Identity is (directory, external id), never email or userName.
"""

from processors.core import explain, matching
from processors.core.access import Users
from processors.core.draft import Draft
from schemas import ids, state
from schemas.state import DirectoryUser, Link, Member, UserKey
from schemas.work import SettleConflicts


def attach(draft: Draft, key: UserKey, user: DirectoryUser) -> DirectoryUser:
    """Tie an undeleted directory user to its member; the first active report makes one.

    A person who returns under a new directory user id is the same member (idp-facts §1.2).  Whom
    the product or another directory knows already is no second one (access-rules §4).
    """
    place = state.link_key(draft.tenant_id, key.directory_id, user.idp_id)
    link = draft.get(place, Link)
    if user.member_id is None and (user.unlinked or (link is not None and link.unlinked)):
        return state.changed(user, unlinked=True)
    if user.member_id is not None:
        if _is_apart(draft, key, user.member_id):  # the user was deleted when that was said
            return state.changed(untied(user), unlinked=True)
        if link is not None and link.member_id != user.member_id:
            # The IdP gave somebody's former id to somebody else.
            _let_go_of_link(draft, key, user.idp_id, link.member_id)
        draft.put(place, Link(member_id=user.member_id))
        _let_go_of_former_id(draft, key, user, user.member_id)
        _hold(draft, user.member_id, key, user)
        return user
    if link is not None:
        _hold(draft, link.member_id, key, user)
        return state.changed(user, member_id=link.member_id)
    return _first(draft, key, user)


def _first(draft: Draft, key: UserKey, user: DirectoryUser) -> DirectoryUser:
    """First contact: somebody inactive makes nobody, but may be one of a replaced directory."""
    if not user.active and draft.directory(key.directory_id).replaces is None:
        return user
    match = matching.of_user(draft, key, user)
    if not user.active and not matching.is_of_replaced(draft, key, match.member_id):
        return user
    if match.member_id is not None:
        tell(draft, key, user, match)
    return tie(draft, key, user, match.member_id or _made(draft, key, user, match))


def tie(draft: Draft, key: UserKey, user: DirectoryUser, member_id: str) -> DirectoryUser:
    """Make a directory user that is no member's a certain member's."""
    place = state.link_key(draft.tenant_id, key.directory_id, user.idp_id)
    link = draft.get(place, Link)
    if link is not None and not link.unlinked and link.member_id != member_id:
        _let_go_of_link(draft, key, user.idp_id, link.member_id)
    draft.put(place, Link(member_id=member_id))
    _hold(draft, member_id, key, user)
    member_place = state.member_key(draft.tenant_id, member_id)
    member = draft.get(member_place, Member)
    if member is not None and _is_apart(draft, key, member_id):
        apart = tuple(each for each in member.unlinked_from if each != key.directory_id)
        draft.put(member_place, state.changed(member, unlinked_from=apart))
    return state.changed(user, member_id=member_id, unlinked=False)


def ask_again(draft: Draft, member_id: str) -> None:
    """Leave it to follow-up work to see whether it is known by now who somebody on hold is."""
    member = draft.get(state.member_key(draft.tenant_id, member_id), Member)
    if member is None or not member.rivals:
        return
    # A cause of its own: what set this off may have told of the user already.
    cause = draft.event_id("settle", member_id)
    trigger = state.changed(draft.trigger, cause=cause)
    just_it = SettleConflicts(trigger=trigger, after=member_id[:-1], until=member_id)
    draft.schedule(draft.now, just_it, "settle", member_id)


def tell(draft: Draft, key: UserKey, user: DirectoryUser, match: matching.Match) -> None:
    """Record by what somebody was linked, once."""
    idp = explain.idp(draft.directory(key.directory_id))
    sentence = f"{user.display_name} of {idp} was linked to the member {match.member_id} by the"
    subject = f"directory_user/{key.user_id}"
    draft.audit(
        subject, f"{sentence} {match.by}.", part=f"link/{key.directory_id}/{match.member_id}"
    )


def untied(user: DirectoryUser) -> DirectoryUser:
    """A directory user as if it were no member's yet."""
    return state.changed(user, member_id=None)


def untie(draft: Draft, key: UserKey, user: DirectoryUser) -> DirectoryUser:
    """Take a directory user away from its member."""
    assert user.member_id is not None, "only who is somebody's can be taken away"
    _let_go(draft, user.member_id, key)
    link = draft.get(state.link_key(draft.tenant_id, key.directory_id, user.idp_id), Link)
    if link is not None and link.member_id == user.member_id:  # else somebody else has the id
        _let_go_of_link(draft, key, user.idp_id, user.member_id)
    return untied(user)


def close(draft: Draft, directory_id: str, member_id: str, member: Member) -> Member:
    """End all links from a directory to a member for good: no report makes them again."""
    theirs = _ids_in(member, directory_id)
    for idp_id in theirs:
        place = state.link_key(draft.tenant_id, directory_id, idp_id)
        draft.put(place, Link(member_id=member_id, unlinked=True))
    gone = {f"{directory_id}/{idp_id}" for idp_id in theirs}
    return state.changed(
        member,
        users=tuple(key for key in member.users if key.directory_id != directory_id),
        external_ids=tuple(each for each in member.external_ids if each not in gone),
        spoken_for=tuple(each for each in member.spoken_for if each != directory_id),
        unlinked_from=tuple(sorted({*member.unlinked_from, directory_id})),
    )


def detach(draft: Draft, key: UserKey, user: DirectoryUser) -> None:
    """A deleted directory user no longer speaks for its member; the link stays, for a return.

    In a directory that is testing or paused it stays too: nobody's access moves by it until then.
    So it does with somebody on hold, until follow-up work sees that nobody is there any more.
    """
    if user.member_id is None or draft.directory(key.directory_id).mode != "active":
        return
    member = draft.get(state.member_key(draft.tenant_id, user.member_id), Member)
    if member is not None and not member.rivals:
        _let_go(draft, user.member_id, key)


def left(draft: Draft, member: Member, users: Users) -> tuple[UserKey, ...]:
    """Those that a member goes on holding: deleted ones only where `detach` leaves them."""
    if member.rivals:
        return tuple(key for key, _ in users)
    modes = {key: draft.directory(key.directory_id).mode for key, user in users if user.deleted}
    return tuple(key for key, _ in users if modes.get(key) != "active")


def same(draft: Draft, key: UserKey, user: DirectoryUser) -> DirectoryUser:
    """An administrator says that who comes under another id is the same person.

    Whoever had that id before is somebody who has it no longer.
    """
    assert user.member_id is not None, "only who was a member can be the same"
    return attach(draft, key, user)


def another(draft: Draft, key: UserKey, user: DirectoryUser) -> DirectoryUser:
    """An administrator says that who comes under another id is somebody else.

    Somebody new, if it is nobody's id: that an address is another member's was just ruled on.
    """
    assert user.member_id is not None, "only who was a member can turn out to be another"
    _let_go(draft, user.member_id, key)
    free = untied(user)
    if draft.get(state.link_key(draft.tenant_id, key.directory_id, user.idp_id), Link) is not None:
        return attach(draft, key, free)
    match = matching.of_user(draft, key, state.changed(free, email=None))
    return tie(draft, key, free, match.member_id or _made(draft, key, free, match))


def _ids_in(member: Member, directory_id: str) -> list[str]:
    """The IdP's ids of the member in a directory."""
    begins = f"{directory_id}/"
    return [each[len(begins) :] for each in member.external_ids if each.startswith(begins)]


def _is_apart(draft: Draft, key: UserKey, member_id: str) -> bool:
    """Whether an administrator unlinked a member from a directory."""
    member = draft.get(state.member_key(draft.tenant_id, member_id), Member)
    return member is not None and key.directory_id in member.unlinked_from


def _let_go(draft: Draft, member_id: str, key: UserKey) -> None:
    place = state.member_key(draft.tenant_id, member_id)
    member = draft.member(member_id)
    left = tuple(other for other in member.users if other != key)
    draft.put(place, state.changed(member, users=left))


def _let_go_of_former_id(draft: Draft, key: UserKey, user: DirectoryUser, member_id: str) -> None:
    """The IdP gave the person another id: who gets the former one is somebody else."""
    place = state.user_key(draft.tenant_id, key.directory_id, key.user_id)
    before = draft.get(place, DirectoryUser)
    if before is None or before.idp_id in ("", user.idp_id):
        return
    former = state.link_key(draft.tenant_id, key.directory_id, before.idp_id)
    if draft.get(former, Link) == Link(member_id=member_id):
        _let_go_of_link(draft, key, before.idp_id, member_id)


def _let_go_of_link(draft: Draft, key: UserKey, idp_id: str, member_id: str) -> None:
    draft.put(state.link_key(draft.tenant_id, key.directory_id, idp_id), None)
    place = state.member_key(draft.tenant_id, member_id)
    member = draft.member(member_id)
    gone = f"{key.directory_id}/{idp_id}"
    left = tuple(each for each in member.external_ids if each != gone)
    draft.put(place, state.changed(member, external_ids=left))


def _hold(draft: Draft, member_id: str, key: UserKey, user: DirectoryUser) -> None:
    place = state.member_key(draft.tenant_id, member_id)
    member = draft.get(place, Member) or Member()
    external = f"{key.directory_id}/{user.idp_id}"
    users = tuple(sorted({*member.users, key}))
    external_ids = tuple(sorted({*member.external_ids, external}))
    spoken_for = tuple(sorted({*member.spoken_for, key.directory_id}))
    after = state.changed(member, users=users, external_ids=external_ids, spoken_for=spoken_for)
    if after != member:
        draft.put(place, after)


def _made(draft: Draft, key: UserKey, user: DirectoryUser, match: matching.Match) -> str:
    """A new member; where others may be meant, one of whom nothing is told before it is known."""
    member_id = _new_member_id(draft, key, user)
    if match.rivals:
        place = state.member_key(draft.tenant_id, member_id)
        draft.put(place, Member(rivals=match.rivals))
    return member_id


def _new_member_id(draft: Draft, key: UserKey, user: DirectoryUser) -> str:
    return ids.ordered(draft.trigger.recorded_at, draft.tenant_id, key.directory_id, user.idp_id)
