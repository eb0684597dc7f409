"""Directory users by SCIM: POST, PUT, PATCH and DELETE, as access-rules §2 answers them."""

from datetime import UTC, datetime
from typing import Final

from processors.core import (
    directory,
    gates,
    linking,
    profile,
    redaction,
    scim_answers,
    scim_groups,
    warnings,
)
from processors.core.draft import Decision, Draft
from processors.core.scim_names import Names
from schemas import state
from schemas.names import exact
from schemas.origin import Stamp
from schemas.scim import (
    Document,
    ScimUserChange,
    ScimUserChanged,
    ScimUserCreated,
    ScimUserDeleted,
)
from schemas.state import DirectoryUser, Leaving, UserKey

_NOBODY: Final = DirectoryUser(stamp=Stamp(datetime.min.replace(tzinfo=UTC), ""))


def created(draft: Draft, change: ScimUserCreated) -> Decision:
    """Somebody new, or somebody inactive who returns; 409 for whoever is there and active."""
    names = Names(draft, change)
    mine = _user(draft, change.directory_id, change.user_id)
    if mine is not None:  # the same POST came before, and its answer was given up
        if mine.deleted:
            return scim_answers.stale(draft, change, _subject(change.user_id), gone=True)
        return scim_answers.done(draft, change, change.user_id, status=201)
    same = names.holder("externalId", change.resource.get("externalId"))
    namesake = names.holder("userName", change.resource.get("userName"))
    in_the_way = [
        _impersonated(draft, change, change.user_id, change.resource),
        *(each for each in (same, namesake) if _is_there(draft, change, each)),
        namesake if same not in {None, namesake} else None,
    ]
    if taken := next(filter(None, in_the_way), None):
        return _taken(draft, change, taken)
    found = same or namesake
    known = _user(draft, change.directory_id, found) if found else None
    if names.freed_since_read() or (known and scim_answers.is_newer(known.stamp, change)):
        return scim_answers.stale(draft, change, _subject(found or change.user_id))
    key = UserKey(change.directory_id, found or change.user_id)
    resource = {"active": True} | change.resource
    return _write(draft, change, key, known or _NOBODY, resource, status=201)


def changed(draft: Draft, change: ScimUserChanged) -> Decision:
    """Other attributes; a name that somebody else has is refused."""
    known = _user(draft, change.directory_id, change.user_id)
    if known is None or known.deleted:
        return _not_there(draft, change)
    if scim_answers.is_newer(known.stamp, change):
        return scim_answers.stale(draft, change, _subject(change.user_id))
    resource = _merged(known.resource, change.changed)
    names = Names(draft, change)
    for kind in ("userName", "externalId"):
        holder = names.holder(kind, resource.get(kind))
        if holder is not None and holder != change.user_id:
            return _taken(draft, change, holder)
    if (impersonated := _impersonated(draft, change, change.user_id, resource)) is not None:
        return _taken(draft, change, impersonated)
    key = UserKey(change.directory_id, change.user_id)
    leaves = known.active and resource.get("active") is False
    if leaves and (detail := _kept(draft, key, known, "deactivated")) is not None:
        return scim_answers.refused(draft, change, "mutability", detail, _subject(key.user_id))
    return _write(draft, change, key, known, resource, status=200)


def deleted(draft: Draft, change: ScimUserDeleted) -> Decision:
    """A person is gone from the directory; the tombstone keeps the history and the member."""
    known = _user(draft, change.directory_id, change.user_id)
    if known is None or known.deleted:
        return _not_there(draft, change)
    if scim_answers.is_newer(known.stamp, change):
        return scim_answers.stale(draft, change, _subject(change.user_id))
    key = UserKey(change.directory_id, change.user_id)
    if known.active and (detail := _kept(draft, key, known, "deleted")) is not None:
        return scim_answers.refused(draft, change, "mutability", detail, _subject(key.user_id))
    end(draft, key, known)
    return scim_answers.done(draft, change, change.user_id, status=204)


def end(draft: Draft, key: UserKey, known: DirectoryUser) -> None:
    """Delete a user, with their memberships and names."""
    stamp = draft.tick(key.directory_id)
    groups = directory.groups_of(draft, key)
    directory.drop_memberships(draft, key, stamp)
    names = Names(draft, None, key.directory_id)
    names.move(key.user_id, stamp, known.resource, {})
    user = state.changed(
        known, stamp=stamp, deleted_at=stamp, active=False, leaving=None, in_conflict=False
    )
    for group_id in groups:
        scim_groups.members_moved(draft, key.directory_id, group_id, stamp)
    linking.detach(draft, key, user)
    sentence = f"{directory.who(draft)} deleted {user.display_name}."
    directory.record_user(draft, key, user, sentence)


def deactivate(draft: Draft, key: UserKey, known: DirectoryUser) -> None:
    """Apply a deactivation that was held back."""
    user = state.changed(
        known,
        stamp=draft.tick(key.directory_id),
        active=False,
        leaving=None,
        resource=known.resource | {"active": False},
    )
    directory.record_user(
        draft, key, user, f"{directory.who(draft)} deactivated {user.display_name}."
    )


def idp_id_of(key: UserKey, resource: Document) -> str:
    """The id of a person at the IdP: the externalId, else the SCIM id (access-rules §1)."""
    given: str | None = resource.get("externalId")
    return exact(given) if given else key.user_id


def _kept(draft: Draft, key: UserKey, known: DirectoryUser, leaving: Leaving) -> str | None:
    """Why a policy keeps somebody whom the IdP wants gone; what it wants is noted, and waits."""
    detail = gates.keeps(draft, key, known, leaving)
    if detail is None:
        return None
    user = state.changed(known, stamp=draft.tick(key.directory_id), leaving=leaving)
    if known.leaving == leaving:  # said again, so what was said before counts no more
        draft.put(directory.user_place(draft, key), user)
        directory.tell_user(draft, key, user)
    else:
        sentence = f"{directory.who(draft)} {leaving} {user.display_name}, which waits."
        directory.record_user(draft, key, user, sentence)
    return detail


def _write(
    draft: Draft,
    change: ScimUserCreated | ScimUserChanged,
    key: UserKey,
    known: DirectoryUser,
    resource: Document,
    *,
    status: int,
) -> Decision:
    stamp = draft.tick(key.directory_id)
    Names(draft, change).move(key.user_id, stamp, known.resource, resource)
    user = profile.described(state.changed(known, stamp=stamp), resource)
    sent = change.resource if isinstance(change, ScimUserCreated) else change.changed
    user = state.changed(
        user,
        active=resource.get("active", known.active),  # unassigned, it changes nobody's access
        leaving=known.leaving if sent.get("active") is None else None,
        created_at=known.created_at or stamp.at,
    )
    user = _identified(key, known, user)
    redaction.tell(draft, change.redacted, known, user, _subject(key.user_id))
    warnings.ignored_attributes(draft, key.directory_id, change.ignored)
    if not user.in_conflict:
        user = linking.attach(draft, key, user)
    if state.changed(user, stamp=known.stamp) == known:  # said again, to be sure
        draft.put(directory.user_place(draft, key), user)
        directory.tell_user(draft, key, user)
    else:
        verb = "reported" if user.active else "deactivated"
        sentence = f"{directory.who(draft)} {verb} {user.display_name}."
        directory.record_user(draft, key, user, sentence)
    return scim_answers.done(draft, change, key.user_id, status=status)


def _identified(key: UserKey, known: DirectoryUser, user: DirectoryUser) -> DirectoryUser:
    """Whose person this is.

    Somebody inactive who comes back under another externalId may be a stranger with an old
    address: an administrator says who it is, and until then nobody gets access by it.
    """
    idp_id = idp_id_of(key, user.resource)
    if not known.idp_id or known.idp_id == idp_id:
        return state.changed(user, idp_id=idp_id, in_conflict=False)
    if known.member_id is not None and (known.in_conflict or not known.active):
        # The id may come first and the return later: until then it is nobody's.
        return state.changed(user, in_conflict=known.in_conflict or user.active)
    return state.changed(user, idp_id=idp_id)


def _is_there(draft: Draft, change: ScimUserChange, user_id: str | None) -> bool:
    user = _user(draft, change.directory_id, user_id) if user_id else None
    return user is not None and user.active and not user.deleted


def _impersonated(
    draft: Draft, change: ScimUserChange, user_id: str, resource: Document
) -> str | None:
    """Whose SCIM id a client sends as an externalId: it is the id of somebody without one."""
    given = resource.get("externalId")
    if not given or exact(given) == user_id:
        return None
    return exact(given) if _user(draft, change.directory_id, exact(given)) else None


def _taken(draft: Draft, change: ScimUserCreated | ScimUserChanged, holder: str) -> Decision:
    detail = (
        f"The user {holder} of this directory already has this userName or externalId: update"
        " that user instead, or remove it first."
    )
    return scim_answers.refused(draft, change, "uniqueness", detail, _subject(holder))


def _not_there(draft: Draft, change: ScimUserChanged | ScimUserDeleted) -> Decision:
    detail = f"There is no user {change.user_id} in this directory: look it up by its userName."
    return scim_answers.refused(draft, change, "not_found", detail, _subject(change.user_id))


def _merged(resource: Document, changes: Document) -> Document:
    merged = resource | changes
    return {name: value for name, value in merged.items() if value is not None}


def _user(draft: Draft, directory_id: str, user_id: str) -> DirectoryUser | None:
    return draft.get(directory.user_place(draft, UserKey(directory_id, user_id)), DirectoryUser)


def _subject(user_id: str) -> str:
    return f"directory_user/{user_id}"
