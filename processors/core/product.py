"""What the product says of its own members: who they are, what it grants, whom it shuts out."""

from typing import Any

from msgspec.structs import replace

from processors.core import answers, grants, matching, members, relinking
from processors.core.draft import Decision, Draft
from schemas import ids, settings_state, state
from schemas.access import Because
from schemas.finding_state import Product, product_key
from schemas.manual import Matched
from schemas.settings_changes import RemoveProductMember, SetProductMember
from schemas.settings_state import Tenant
from schemas.state import Member

_MATCHED: dict[matching.By, Matched] = {"external id": "external_id", "email": "email"}


def set_member(draft: Draft, change: SetProductMember) -> Decision:
    """A member of the product stands so; the answer says who it is here, and who it may be."""
    tenant = draft.get(settings_state.tenant_key(draft.tenant_id), Tenant)
    if tenant is None:
        return answers.no_tenant(draft, change)
    lacking = grants.lacking(draft, tenant, change.manual.role, change.manual.workspaces)
    if lacking is not None:
        return answers.refused(draft, change, 422, *lacking)
    known = draft.get(product_key(draft.tenant_id, change.product_id), Product)
    if (taken := _taken(draft, change, known)) is not None:
        return answers.refused(draft, change, *taken)
    matched: Matched | None = None
    rivals: tuple[str, ...] = ()
    member_id = known.member_id if known else change.member_id
    if known is None and member_id is not None:
        matched = "member_id"
    if member_id is None:
        match = matching.of_product(draft, change.manual.email, change.manual.external_id)
        member_id, rivals = match.member_id, match.rivals
        matched = _MATCHED[match.by] if member_id is not None else None
    is_new = member_id is None
    member_id = member_id or _new_id(draft, change)
    before = draft.get(state.member_key(draft.tenant_id, member_id), Member) or Member()
    after = state.changed(before, product_id=change.product_id, manual=change.manual)
    answer = _Answer(draft, change, member_id, matched, rivals)
    if after == before and known is not None:
        return answers.unchanged(draft, change, answer.body("unchanged", before))
    draft.put(product_key(draft.tenant_id, change.product_id), Product(member_id=member_id))
    _write(draft, member_id, before, after)
    answer.audit(after, is_new=is_new)
    outcome = "created" if is_new else "updated" if matched is None else "linked"
    draft.settle(change, 201 if is_new else 200, answer.body(outcome, after))
    return draft.decision()


def remove_member(draft: Draft, change: RemoveProductMember) -> Decision:
    """The product has somebody no longer: they have no access, whatever directories say."""
    if draft.get(settings_state.tenant_key(draft.tenant_id), Tenant) is None:
        return answers.no_tenant(draft, change)
    known = draft.get(product_key(draft.tenant_id, change.product_id), Product)
    if known is None:
        detail = f"no member has the product id {change.product_id}"
        return answers.refused(draft, change, 404, "unknown_member", detail)
    before = draft.get(state.member_key(draft.tenant_id, known.member_id), Member)
    assert before is not None, "the product's id names a member that was never made"
    assert before.manual is not None, "the product never said anything of it"
    removed = replace(before.manual, standing="removed")
    after = state.changed(before, manual=removed)
    body = {"product_id": change.product_id, "member_id": known.member_id, "standing": "removed"}
    if after == before:
        return answers.unchanged(draft, change, body)
    _because(draft, change.product_id, "the product removed them")
    _write(draft, known.member_id, before, after)
    sentence = f"The product has {after.display_name} no longer."
    draft.audit(f"member/{known.member_id}", sentence, part="product")
    draft.settle(change, 200, body)
    return draft.decision()


class _Answer:
    """What the product is told of what it said."""

    def __init__(
        self,
        draft: Draft,
        change: SetProductMember,
        member_id: str,
        matched: Matched | None,
        rivals: tuple[str, ...],
    ) -> None:
        self._draft, self._change = draft, change
        self._member_id, self._matched, self._rivals = member_id, matched, rivals
        verb = "suspended them" if change.manual.standing == "suspended" else "said so"
        _because(draft, change.product_id, f"the product {verb}")

    def audit(self, member: Member, *, is_new: bool) -> None:
        name = member.display_name or member.email or self._change.product_id
        subject = f"member/{self._member_id}"
        what = "has" if is_new else f"knows as {self._change.product_id}"
        by = f", found by {self._matched.replace('_', ' ')}" if self._matched else ""
        self._draft.audit(subject, f"The product {what} {name}{by}.", part="product")
        if self._rivals:
            rivals = f"they may be {' or '.join(self._rivals)}, and nobody was linked"
            self._draft.audit(subject, f"{name}: {rivals}.", decision="held", part="rivals")

    def body(self, outcome: str, member: Member) -> dict[str, Any]:
        return {
            "product_id": self._change.product_id,
            "member_id": self._member_id,
            "outcome": outcome,
            "matched_by": self._matched,
            "linked": bool(member.external_ids),
            "may_be": list(self._rivals),
        }


def _taken(
    draft: Draft, change: SetProductMember, known: Product | None
) -> tuple[int, str, str] | None:
    """Why somebody cannot be the member whom the product names."""
    if change.member_id is None:
        return None
    if known is not None and known.member_id != change.member_id:
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
    relinking.record(draft, member_id, after)
    members.reevaluate(draft, member_id, was=before)


def _because(draft: Draft, product_id: str, phrase: str) -> None:
    because = Because(kind="manual", id=product_id, name="the product")
    draft.trigger = state.changed(draft.trigger, phrase=phrase, because=because)


def _new_id(draft: Draft, change: SetProductMember) -> str:
    return ids.ordered(change.recorded_at, draft.tenant_id, "product", change.product_id)
