"""Why applied access lags behind desired access, one gate after the other (access-rules §1).

Gates are asked in one fixed order, none asks another, and the last that stops something says why.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from processors.core import access, explain, gate_records, headcount
from processors.core.draft import Draft
from processors.core.gate_records import is_admin, is_held
from schemas import state
from schemas.access import Access
from schemas.origin import Mode
from schemas.policy import Hold, HoldReason
from schemas.settings_state import Admin, Tenant
from schemas.state import DirectoryUser, Leaving, Member, UserKey

Word = Literal["approve", "discard"]
"""What an administrator says about what is on hold."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A member of whom the gates say how much of what is desired may be applied."""

    member_id: str
    member: Member
    """As it stood before."""
    users: access.Users
    """All directory users that it holds."""
    wanted: Access
    """What is desired now."""
    by_product: bool = False
    """It is what the product itself did."""
    word: Word | None = None


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What may be applied."""

    allowed: Access
    hold: Hold | None = None
    """What is left of what is desired, and the gate that stopped it; None: nothing is left."""
    stopped: Access
    """What that gate was asked for."""
    heard: Case | None = None
    """The case that was decided instead, where a directory is tested that others speak beside."""


Gate = Callable[[Draft, Case, Access], Access]
"""What of an access may be applied, as far as one gate is concerned."""


def ask(draft: Draft, case: Case) -> Ruling:
    """What may be applied of what is desired; what is approved is past the gate that held it."""
    if case.by_product:
        return _doubted(case, _unstopped(case))
    applied, hold = case.member.applied, case.member.hold
    if case.member.rivals and case.users:  # nobody yet, whatever their directory's mode
        return Ruling(allowed=applied, hold=_hold(case, "conflict"), stopped=case.wanted)
    past = hold.reason if hold is not None and case.word == "approve" else None
    heard = access.speaking(draft, case.member, case.users)
    modes = {key.directory_id: draft.directory(key.directory_id).mode for key, _ in heard}
    if past != "testing" and "testing" in modes.values():
        tested = {each for each, mode in modes.items() if mode == "testing"}
        if (untested := _without(draft, case, tested)) is not None:
            return _as_if_alone(draft, case, untested)
    if (held := _by_mode(case, set(modes.values()), past)) is not None:
        left = None if applied == case.wanted else held
        return Ruling(allowed=applied, hold=left, stopped=case.wanted)
    ruling = _unstopped(case)
    for reason, gate in _GATES:
        asked = ruling.allowed
        allowed = asked if reason == past else gate(draft, case, asked)
        if allowed != asked:
            ruling = msgspec.structs.replace(
                ruling, allowed=allowed, hold=_hold(case, reason), stopped=asked
            )
    return _doubted(case, ruling)


def _by_mode(case: Case, modes: set[Mode], past: HoldReason | None) -> Hold | None:
    """The hold of a mode that stops everything.

    What was discarded in one stays so in any other: no activation lets in who was not wanted.
    """
    hold = case.member.hold
    is_left = hold is not None and hold.reason in _MODES and _is_discarded(case, hold.reason)
    said = [hold.reason] if hold is not None and is_left else []
    for reason in (*(each for each in _MODES if each in modes), *said):
        if reason != past:
            return Hold(reason=reason, discarded=is_left)
    return None


def _doubted(case: Case, ruling: Ruling) -> Ruling:
    """Who came back under another id gains nothing, and somebody must say who they are."""
    if ruling.hold is None and any(user.in_conflict for _, user in case.users):
        return msgspec.structs.replace(ruling, hold=_hold(case, "conflict"))
    return ruling


def _unstopped(case: Case) -> Ruling:
    return Ruling(allowed=case.wanted, stopped=case.wanted)


def _without(draft: Draft, case: Case, tested: set[str]) -> Case | None:
    """The case as it would be without the directories that are tested, if anybody else knows them.

    Somebody else does who has deleted the member since, and so does the product.
    """
    users = tuple(each for each in case.users if each[0].directory_id not in tested)
    others = tuple(each for each in case.member.spoken_for if each not in tested)
    if not users and not others and case.member.manual is None:
        return None
    member = state.changed(case.member, spoken_for=others)
    wanted = access.desired(draft, member, users)
    return msgspec.structs.replace(
        case, member=member, users=users, wanted=wanted.access, by_product=wanted.by_product
    )


def _as_if_alone(draft: Draft, case: Case, untested: Case) -> Ruling:
    """What anybody else says moves access whatever is said by a directory that is tested."""
    ruling = msgspec.structs.replace(ask(draft, untested), heard=untested)
    if ruling.hold is not None or ruling.allowed == case.wanted:
        return ruling
    return msgspec.structs.replace(ruling, hold=_hold(case, "testing"), stopped=case.wanted)


def keeps(draft: Draft, key: UserKey, user: DirectoryUser, leaving: Leaving) -> str | None:
    """Why the policy keeps somebody whom the IdP wants gone; None lets them go.

    Only the last administrator is kept so (access-rules §2); any other hold is no error.
    """
    tenant = draft.tenant()
    if tenant.sole_admin != "block" or user.member_id is None:
        return None
    member = draft.member(user.member_id)
    users = tuple(
        (each, state.changed(said, leaving=leaving) if each == key else said)
        for each, said in access.users_of(draft, member)
    )
    wanted = access.desired(draft, member, users)
    case = Case(
        member_id=user.member_id,
        member=member,
        users=users,
        wanted=wanted.access,
        by_product=wanted.by_product,
    )
    hold = ask(draft, case).hold
    if hold is None or hold.reason != "sole_admin" or wanted.access.standing != "none":
        return None
    return explain.kept(member.display_name, tenant.name, leaving, discarded=hold.discarded)


def follow(draft: Draft, case: Case, after: Member) -> None:
    """Keep the records that the gates go by, and see to what nothing holds any more."""
    before = case.member
    gate_records.index_hold(draft, case.member_id, before.hold, after.hold)
    now = is_admin(draft.tenant(), after.applied)
    if now or before.applied != after.applied:
        gate_records.index_admin(draft, case.member_id, before, after, now=now)
    exempt = case.by_product or case.word == "approve"
    gate_records.count(draft, case.member_id, before, after, exempt=exempt)
    for key, user in case.users:
        if user.leaving is not None and after.hold is None:
            gate_records.let_leave(draft, key, user)


def _conflict(draft: Draft, case: Case, allowed: Access) -> Access:
    """Of whom it is not known who it is grants nothing."""
    known = tuple(each for each in case.users if not each[1].in_conflict)
    if known == case.users:
        return allowed
    return access.desired(draft, case.member, known).access


def _sole_admin(draft: Draft, case: Case, allowed: Access) -> Access:
    """The last administrator stays; of who stays in the product anyway, only the role does."""
    tenant, applied = draft.tenant(), case.member.applied
    if is_admin(tenant, allowed) or not is_admin(tenant, applied):
        return allowed
    may = tenant.sole_admin != "block" or _has_another_admin(draft, tenant, case)
    if may and not _is_discarded(case, "sole_admin"):
        return allowed
    if allowed.standing == "none":
        return applied
    return msgspec.structs.replace(allowed, role=applied.role)


def _breaker(draft: Draft, case: Case, allowed: Access) -> Access:
    """Nobody more loses all access than may in a short time; who is held stays so."""
    applied = case.member.applied
    if applied.standing == "none" or allowed.standing != "none":
        return allowed
    if _is_discarded(case, "breaker"):
        return applied
    if draft.tenant().breaker != "hold":
        return allowed
    known = headcount.now(draft)
    is_tripped = len(known.lost) >= headcount.most(known) or is_held(case.member, "breaker")
    return applied if is_tripped else allowed


_MODES: Final[tuple[HoldReason, ...]] = ("testing", "paused")
"""A directory in one of these moves nobody, whatever the other gates say."""
_GATES: Final[tuple[tuple[HoldReason, Gate], ...]] = (
    ("conflict", _conflict),
    ("sole_admin", _sole_admin),
    ("breaker", _breaker),
)


def _hold(case: Case, reason: HoldReason) -> Hold:
    return Hold(reason=reason, discarded=_is_discarded(case, reason))


def _is_discarded(case: Case, reason: HoldReason) -> bool:
    """Whether an administrator said that what this gate holds of the member shall not be applied.

    It counts until what is desired is applied, or its standing changes: the IdP says the opposite.
    """
    hold, before = case.member.hold, case.member.desired
    if hold is None or hold.reason != reason or before.standing != case.wanted.standing:
        return False
    return hold.discarded or case.word == "discard"


def _has_another_admin(draft: Draft, tenant: Tenant, case: Case) -> bool:
    """Whether somebody else is an administrator, and not on hold as the last one.

    Of several who are on hold so, each goes for another, until one is left.
    """
    to_go = Hold(reason="sole_admin") if is_held(case.member, "sole_admin") else None
    for key, _ in draft.scan(state.prefix("admin", draft.tenant_id), Admin):
        other = draft.member(state.last_part_of(key))
        stays = not is_held(other, "sole_admin") or other.hold == to_go
        if stays and state.last_part_of(key) != case.member_id and is_admin(tenant, other.applied):
            return True
    return False
