"""Which member a directory user is.

Identity is (directory, external id), never email or userName.
"""

from processors.core.draft import Draft
from schemas import ids, state
from schemas.state import DirectoryUser, Link, Member, UserKey


def attach(draft: Draft, key: UserKey, user: DirectoryUser) -> DirectoryUser:
    """Tie an undeleted directory user to its member; the first active report makes one.

    A person who returns under a new directory user id is the same member (idp-facts §1.2).
    """
    place = state.link_key(draft.tenant_id, key.directory_id, user.idp_id)
    link = draft.get(place, Link)
    if user.member_id is not None:
        if link is None:
            draft.put(place, Link(member_id=user.member_id))
        _let_go_of_former_id(draft, key, user, user.member_id)
        _hold(draft, user.member_id, key, user)
        return user
    if link is None and not user.active:
        return user  # first contact by somebody inactive makes nobody
    if link is None:
        link = Link(member_id=_new_member_id(draft, key, user))
        draft.put(place, link)
    _hold(draft, link.member_id, key, user)
    return state.changed(user, member_id=link.member_id)


def detach(draft: Draft, key: UserKey, user: DirectoryUser) -> None:
    """A deleted directory user no longer speaks for its member; the link stays, for a return."""
    if user.member_id is None:
        return
    place = state.member_key(draft.tenant_id, user.member_id)
    member = draft.get(place, Member)
    assert member is not None, "a directory user names a member that was never made"
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
        draft.put(former, None)
        member = draft.get(state.member_key(draft.tenant_id, member_id), Member)
        assert member is not None, "a link names a member that was never made"
        gone = f"{key.directory_id}/{before.idp_id}"
        left = tuple(each for each in member.external_ids if each != gone)
        draft.put(
            state.member_key(draft.tenant_id, member_id), state.changed(member, external_ids=left)
        )


def _hold(draft: Draft, member_id: str, key: UserKey, user: DirectoryUser) -> None:
    place = state.member_key(draft.tenant_id, member_id)
    member = draft.get(place, Member) or Member()
    external = f"{key.directory_id}/{user.idp_id}"
    if key in member.users and external in member.external_ids:
        return
    users = tuple(sorted({*member.users, key}))
    external_ids = tuple(sorted({*member.external_ids, external}))
    draft.put(place, state.changed(member, users=users, external_ids=external_ids))


def _new_member_id(draft: Draft, key: UserKey, user: DirectoryUser) -> str:
    return ids.ordered(draft.trigger.recorded_at, draft.tenant_id, key.directory_id, user.idp_id)
