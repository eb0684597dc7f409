"""What the product says of its own members: who they are, what it grants, whom it shuts out."""

from typing import Any

import msgspec
from msgspec.structs import replace

from processors.core import answers, description, grants, linking, matching, members
from processors.core.draft import Decision, Draft
from schemas import ids, state
from schemas.access import Because
from schemas.finding_state import Product, product_key
from schemas.manual import Matched
from schemas.settings_changes import RemoveProductMember, SetProductMember
from schemas.state import Member

_MATCHED: dict[matching.By, Matched] = {"external id": "external_id", "email": "email"}


def set_member(draft: Draft, change: SetProductMember) -> Decision:
    """A member of the product stands so; the answer says who it is here, and who it may be."""
    lacking = grants.lacking(draft, change.manual.role, change.manual.workspaces)
    if lacking is not None:
        return answers.refused(draft, change, 422, *lacking)
    place = product_key(draft.tenant_id, change.product_id)
    known = draft.get(place, Product) or Product()
    if change.manual.standing == "active" and _is_overtaken(change, known):
        return _ignored(draft, change)
    if (taken := _taken(draft, change, known)) is not None:
        return answers.refused(draft, change, *taken)
    match = _who(draft, change, known)
    is_new = match.member_id is None
    member_id = match.member_id or _new_id(draft, change)
    before = draft.get(state.member_key(draft.tenant_id, member_id), Member) or Member()
    said = sorted(change.manual.workspaces, key=lambda grant: grant.workspace)
    manual = replace(change.manual, workspaces=tuple(said))
    after = state.changed(before, product_id=change.product_id, manual=manual)
    verb = "suspended them" if change.manual.standing == "suspended" else "said so"
    _because(draft, change.product_id, f"the product {verb}")
    answer = _Answer(draft, change, member_id, match)
    product = state.changed(known, member_id=member_id)
    if manual.standing != "active":
        product = _shut(product, change)
    if product != known:
        draft.put(place, product)
    if after == before:
        draft.settle(change, 200, answer.body("unchanged", before))
        return draft.decision("repeat" if product == known else "applied")
    _write(draft, member_id, before, after)
    for waiting in matching.waiting(draft, manual.external_id) if manual.external_id else ():
        linking.ask_again(draft, waiting)
    answer.audit(after, is_new=is_new)
    outcome = "created" if is_new else "updated" if answer.matched is None else "linked"
    draft.settle(change, 201 if is_new else 200, answer.body(outcome, after))
    return draft.decision()


def remove_member(draft: Draft, change: RemoveProductMember) -> Decision:
    """The product has somebody no longer: they have no access, whatever directories say."""
    place = product_key(draft.tenant_id, change.product_id)
    known = draft.get(place, Product) or Product()
    if (shut := _shut(known, change)) != known:
        draft.put(place, shut)
    if known.member_id is None:
        detail = f"no member has the product id {change.product_id}"
        return answers.refused(draft, change, 404, "unknown_member", detail)
    before = draft.member(known.member_id)
    assert before.manual is not None, "the product never said anything of it"
    removed = replace(before.manual, standing="removed")
    after = state.changed(before, manual=removed)
    body = {"product_id": change.product_id, "member_id": known.member_id, "standing": "removed"}
    if after == before:
        draft.settle(change, 200, body)
        return draft.decision("repeat" if shut == known else "applied")
    _because(draft, change.product_id, "the product removed them")
    _write(draft, known.member_id, before, after)
    sentence = f"The product has {after.display_name} no longer."
    draft.audit(f"member/{known.member_id}", sentence, part="product")
    draft.settle(change, 200, body)
    return draft.decision()


class _Match(msgspec.Struct, frozen=True, kw_only=True):
    """The member that the product speaks of; or whom it may be."""

    member_id: str | None = None
    by: Matched | None = None
    """None: it is known by the product's id, or by nothing."""
    rivals: tuple[str, ...] = ()


def _who(draft: Draft, change: SetProductMember, known: Product) -> _Match:
    if known.member_id is not None:
        return _Match(member_id=known.member_id)
    if change.member_id is not None:
        return _Match(member_id=change.member_id, by="member_id")
    match = matching.of_product(draft, change.manual.email, change.manual.external_id)
    by = None if match.member_id is None else _MATCHED[match.by]
    return _Match(member_id=match.member_id, by=by, rivals=match.rivals)


class _Answer:
    """What the product is told of what it said."""

    def __init__(
        self, draft: Draft, change: SetProductMember, member_id: str, match: _Match
    ) -> None:
        self._draft, self._change = draft, change
        self._member_id, self.matched, self._rivals = member_id, match.by, match.rivals

    def audit(self, member: Member, *, is_new: bool) -> None:
        name = member.display_name or member.email or self._change.product_id
        subject = f"member/{self._member_id}"
        what = "has" if is_new else f"knows as {self._change.product_id}"
        by = f", found by {self.matched.replace('_', ' ')}" if self.matched else ""
        self._draft.audit(subject, f"The product {what} {name}{by}.", part="product")
        if self._rivals:
            rivals = f"they may be {' or '.join(self._rivals)}, and nobody was linked"
            self._draft.audit(subject, f"{name}: {rivals}.", decision="held", part="rivals")

    def body(self, outcome: str, member: Member) -> dict[str, Any]:
        return {
            "product_id": self._change.product_id,
            "member_id": self._member_id,
            "outcome": outcome,
            "matched_by": self.matched,
            "linked": bool(member.external_ids),
            "may_be": list(self._rivals),
        }


def _is_overtaken(change: SetProductMember, known: Product) -> bool:
    """Whether the product shut somebody out after it said this."""
    return known.shut_at is not None and change.recorded_at < known.shut_at


def _shut(known: Product, change: SetProductMember | RemoveProductMember) -> Product:
    at = max(change.recorded_at, known.shut_at or change.recorded_at)
    return state.changed(known, shut_at=at)


def _ignored(draft: Draft, change: SetProductMember) -> Decision:
    name = change.product_id
    detail = f"{name} was suspended or removed after this was said: say it again"
    draft.settle(change, 409, {"error": "stale", "detail": detail})
    return draft.ignore_late(f"product/{name}", f"an older word of the product about {name}")


def _taken(draft: Draft, change: SetProductMember, known: Product) -> tuple[int, str, str] | None:
    """Why somebody cannot be the member whom the product names."""
    if change.member_id is None:
        return None
    if known.member_id not in {None, change.member_id}:
        detail = f"{change.product_id} is the member {known.member_id}"
        return 409, "taken", detail
    member = draft.get(state.member_key(draft.tenant_id, change.member_id), Member)
    if member is None or member.rivals:
        return 404, "unknown_member", f"no member {change.member_id} in this tenant"
    if member.product_id not in {None, change.product_id}:
        detail = f"the member {change.member_id} is {member.product_id} of the product"
        return 409, "taken", detail
    return None


def _write(draft: Draft, member_id: str, before: Member, after: Member) -> None:
    """Put a member, tell what the product says of it, and decide about it."""
    draft.put(state.member_key(draft.tenant_id, member_id), after)
    description.tell_manual(draft, member_id, after)
    members.reevaluate(draft, member_id, was=before)


def _because(draft: Draft, product_id: str, phrase: str) -> None:
    because = Because(kind="manual", id=product_id, name="the product")
    draft.trigger = state.changed(draft.trigger, phrase=phrase, because=because)


def _new_id(draft: Draft, change: SetProductMember) -> str:
    return ids.ordered(change.recorded_at, draft.tenant_id, "product", change.product_id)
