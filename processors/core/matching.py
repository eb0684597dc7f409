"""Finds the member that somebody is whom nobody has linked yet (access-rules §4).

By the external id that the product knows, by the directory that this one replaces, or by email; by
email only within a verified domain, and only if one member alone can be meant.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import msgspec

from processors.core import access, domains
from processors.core.draft import Draft
from schemas import finding_state, limits, state
from schemas.finding_state import Findable
from schemas.names import comparable, exact
from schemas.state import DirectoryUser, Link, Member, UserKey

By = Literal["external id", "replaced directory", "email"]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """The member that somebody is; or those whom they may be; or nobody who is known."""

    member_id: str | None = None
    by: By = "email"
    rivals: tuple[str, ...] = ()


NOBODY = Match()


def of_user(draft: Draft, key: UserKey, user: DirectoryUser) -> Match:
    """Who a directory user is to whom no link leads."""
    known = state.prefix("known-id", draft.tenant_id, exact(user.idp_id))
    if theirs := _free(dict(_findable(draft, known)), key.directory_id):
        return _the_only(theirs, "external id")
    replaced = draft.directory(key.directory_id).replaces
    if replaced is not None and (member_id := _of_replaced(draft, key, user, replaced)) is not None:
        return Match(member_id=member_id, by="replaced directory")
    return _of_address(draft, key, user.email, replaced) if user.email else NOBODY


def of_product(draft: Draft, email: str | None, external_id: str | None) -> Match:
    """Which member somebody is whom the product has, and tells us of for the first time."""
    if external_id is not None:
        free = [
            each
            for each, member in _linked(draft, external_id).items()
            if member.product_id is None and not member.rivals
        ]
        if len(free) == 1:
            return Match(member_id=free[0], by="external id")
    if email is None:
        return NOBODY
    named = by_email(draft, email)
    rivals = {
        each: member
        for each, member in named.items()
        if member.product_id is None and _is_somebody(member)
    }
    doubtful = any(_has_left(each) for each in rivals.values())
    match = _among(draft, email, rivals, doubtful=doubtful or _too_many(named))
    return match if match.member_id is not None else Match(rivals=tuple(rivals))


def is_of_replaced(draft: Draft, key: UserKey, *member_ids: str | None) -> bool:
    """Whether any of these is somebody of the directory that a user's directory replaces."""
    replaced = draft.directory(key.directory_id).replaces
    found = (draft.member(each) for each in member_ids if each is not None)
    return replaced is not None and any(access.is_linked(each, replaced) for each in found)


def waiting(draft: Draft, external_id: str) -> list[str]:
    """Ids of those of whom it is not known who they are, although the product knows this id."""
    return [each for each, member in _linked(draft, external_id).items() if member.rivals]


def by_email(draft: Draft, email: str) -> dict[str, Member]:
    """The members that have an address, however it is written; of very many, too many."""
    return dict(_findable(draft, state.prefix("email", draft.tenant_id, comparable(email))))


def index(draft: Draft, member_id: str, before: Member, after: Member) -> None:
    """Keep the records by which a member is found."""
    places = finding_state.email_key, finding_state.known_id_key
    for place, old, new in zip(places, _names(before), _names(after), strict=True):
        if old != new:
            if old is not None:
                draft.put(place(draft.tenant_id, old, member_id), None)
            if new is not None:
                draft.put(place(draft.tenant_id, new, member_id), Findable())


def _of_address(draft: Draft, key: UserKey, email: str, replaced: str | None) -> Match:
    named = by_email(draft, email)
    rivals = _free(named, key.directory_id)
    taken = {each: member for each, member in named.items() if each not in rivals}
    if any(_is_shut_out(each) for each in taken.values()):  # no second record gets around that
        return Match(rivals=tuple(rivals | taken)[: limits.RIVALS])
    theirs = {
        each: member
        for each, member in rivals.items()
        if replaced is not None and access.is_linked(member, replaced)
    }
    if any(_may_be_another(each, key, replaced) for each in theirs.values()):
        return Match(rivals=tuple(theirs)[: limits.RIVALS])
    if theirs:  # both directories are of the same people, an administrator said
        return _the_only(theirs, "replaced directory")
    doubtful = any(_may_be_another(each, key, replaced) for each in rivals.values())
    return _among(draft, email, rivals, doubtful=doubtful or _too_many(named))


def _among(draft: Draft, email: str, rivals: dict[str, Member], *, doubtful: bool) -> Match:
    """Nobody, the only one, or several; an address alone proves nothing where there is doubt.

    In a domain that nobody verified, an address makes two directories' people no rivals of each
    other: only of people whom the product already has there must be no second one.
    """
    is_verified = domains.is_verified(draft, email)
    if not rivals or not (is_verified or any(each.manual for each in rivals.values())):
        return NOBODY
    if is_verified and not doubtful:
        return _the_only(rivals, "email")
    return Match(rivals=tuple(rivals)[: limits.RIVALS])


def _the_only(members: dict[str, Member], by: By) -> Match:
    if len(members) == 1:
        return Match(member_id=next(iter(members)), by=by)
    return Match(rivals=tuple(members)[: limits.RIVALS])


def _too_many(named: dict[str, Member]) -> bool:
    """Whether not all were looked at."""
    return len(named) > limits.RIVALS


def _of_replaced(draft: Draft, key: UserKey, user: DirectoryUser, replaced: str) -> str | None:
    """The member that somebody with the same id at the IdP was in the replaced directory."""
    link = _link(draft, replaced, user.idp_id)
    if link is None or link.unlinked or draft.member(link.member_id).rivals:
        return None
    is_free = _free({link.member_id: draft.member(link.member_id)}, key.directory_id)
    return link.member_id if is_free else None


def _may_be_another(member: Member, key: UserKey, replaced: str | None) -> bool:
    """Whether somebody with a member's address may be somebody else, for all that is known.

    Because the member lost all access, was removed by the product, was somebody else of that
    directory, or was unlinked from it by an administrator.
    """
    apart = {key.directory_id, replaced}.intersection(member.unlinked_from)
    is_removed = member.manual is not None and member.manual.standing == "removed"
    was_theirs = access.is_linked(member, key.directory_id) or bool(apart)
    return _has_left(member) or is_removed or was_theirs


def _is_shut_out(member: Member) -> bool:
    return member.manual is not None and member.manual.standing != "active"


def _has_left(member: Member) -> bool:
    return bool(member.spoken_for) and member.desired.standing == "none"


def _names(member: Member) -> tuple[str | None, str | None]:
    """The email and the external id by which a member is found; by neither if it is nobody."""
    manual = member.manual
    if member.rivals:
        return None, None
    known = None if manual is None or manual.external_id is None else exact(manual.external_id)
    return (comparable(member.email) if member.email else None), known


def _findable(draft: Draft, below: bytes) -> Iterator[tuple[str, Member]]:
    """Up to one more than are listed, since nobody reads more."""
    for place, _ in islice(draft.scan(below, Findable), limits.RIVALS + 1):
        member_id = state.last_part_of(place)
        yield member_id, draft.member(member_id)


def _free(members: dict[str, Member], directory_id: str) -> dict[str, Member]:
    """Those that nobody of a directory is by now."""
    return {
        member_id: member
        for member_id, member in members.items()
        if _is_somebody(member) and all(key.directory_id != directory_id for key in member.users)
    }


def _is_somebody(member: Member) -> bool:
    """Whether anybody is behind a member: nobody is, once its directory user is another's."""
    return member.manual is not None or bool(member.external_ids)


def _linked(draft: Draft, external_id: str) -> dict[str, Member]:
    """The members that people with an external id are, in any directory."""
    below = state.prefix("directory", draft.tenant_id)
    found = (
        _link(draft, state.last_part_of(place), exact(external_id))
        for place, _ in draft.scan(below, state.Directory)
    )
    return {
        link.member_id: draft.member(link.member_id)
        for link in found
        if link is not None and not link.unlinked
    }


def _link(draft: Draft, directory_id: str, idp_id: str) -> Link | None:
    return draft.get(state.link_key(draft.tenant_id, directory_id, idp_id), Link)
