"""Who somebody is whom a directory reports for the first time (access-rules §4).

By the external id that the product knows, by the directory that this one replaces, or by email; by
email only within a verified domain, and only if one member alone can be meant.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import msgspec

from processors.core import domains
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
    for member_id, member in _findable(draft, known):
        if not _is_linked(member, key.directory_id):
            return Match(member_id=member_id, by="external id")
    replaced = draft.directory(key.directory_id).replaces
    if replaced is not None:
        place = state.link_key(draft.tenant_id, replaced, user.idp_id)
        link = draft.get(place, Link)
        if link is not None and not link.unlinked:
            return Match(member_id=link.member_id, by="replaced directory")
    if not user.email:
        return NOBODY
    rivals = {
        member_id: member
        for member_id, member in by_email(draft, user.email)
        if not _is_linked(member, key.directory_id)
    }
    if replaced is not None:
        theirs = [each for each, member in rivals.items() if _is_linked(member, replaced)]
        if len(theirs) == 1:  # both directories are of the same people, an administrator said
            return Match(member_id=theirs[0], by="replaced directory")
        if theirs:
            return Match(rivals=tuple(theirs))
    return _among(draft, user.email, rivals)


def of_product(draft: Draft, email: str | None, external_id: str | None) -> Match:
    """Which member somebody is whom the product has, and tells us of for the first time."""
    if external_id is not None:
        linked = {
            link.member_id: None
            for directory_id in _directory_ids(draft)
            if (link := _link(draft, directory_id, external_id)) is not None and not link.unlinked
        }
        free = [each for each in linked if _member(draft, each).product_id is None]
        if len(free) == 1:
            return Match(member_id=free[0], by="external id")
    if email is None:
        return NOBODY
    rivals = {
        member_id: member
        for member_id, member in by_email(draft, email)
        if member.product_id is None
    }
    return _among(draft, email, rivals)


def by_email(draft: Draft, email: str) -> Iterator[tuple[str, Member]]:
    """The members that have an address, however it is written; not more than anybody reads."""
    found = _findable(draft, state.prefix("email", draft.tenant_id, comparable(email)))
    return islice(found, limits.RIVALS)


def index(draft: Draft, member_id: str, before: Member, after: Member) -> None:
    """Keep the records by which a member is found."""
    places = finding_state.email_key, finding_state.known_id_key
    for place, old, new in zip(places, _names(before), _names(after), strict=True):
        if old != new:
            if old is not None:
                draft.put(place(draft.tenant_id, old, member_id), None)
            if new is not None:
                draft.put(place(draft.tenant_id, new, member_id), Findable())


def _among(draft: Draft, email: str, rivals: dict[str, Member]) -> Match:
    """Nobody, the only one, or several; an address alone proves nothing of who lost all access.

    In a domain that nobody verified, an address makes two directories' people no rivals of each
    other: only of people whom the product already has there must be no second one.
    """
    is_verified = domains.is_verified(draft, email)
    if not rivals or not (is_verified or any(each.manual for each in rivals.values())):
        return NOBODY
    member_id, member = next(iter(rivals.items()))
    left = member.external_ids and member.desired.standing == "none"
    if len(rivals) == 1 and not left and is_verified:
        return Match(member_id=member_id, by="email")
    return Match(rivals=tuple(rivals))


def _names(member: Member) -> tuple[str | None, str | None]:
    """The email and the external id by which a member is found; by neither if it is nobody."""
    manual = member.manual
    if member.rivals or (manual is not None and manual.standing == "removed"):
        return None, None
    known = None if manual is None or manual.external_id is None else exact(manual.external_id)
    return (comparable(member.email) if member.email else None), known


def _findable(draft: Draft, below: bytes) -> Iterator[tuple[str, Member]]:
    for place, _ in draft.scan(below, Findable):
        member_id = state.last_part_of(place)
        yield member_id, _member(draft, member_id)


def _is_linked(member: Member, directory_id: str) -> bool:
    """Whether somebody of a directory is the member, or was."""
    return any(each.startswith(f"{directory_id}/") for each in member.external_ids)


def _directory_ids(draft: Draft) -> Iterator[str]:
    below = state.prefix("directory", draft.tenant_id)
    return (state.last_part_of(place) for place, _ in draft.scan(below, state.Directory))


def _link(draft: Draft, directory_id: str, external_id: str) -> Link | None:
    return draft.get(state.link_key(draft.tenant_id, directory_id, exact(external_id)), Link)


def _member(draft: Draft, member_id: str) -> Member:
    found = draft.get(state.member_key(draft.tenant_id, member_id), Member)
    assert found is not None, f"member {member_id} was never made"
    return found
