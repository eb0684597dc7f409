"""Why applied access lags behind desired access, one gate after the other (access-rules §1).

Gates are asked in one fixed order, none asks another, and the last that stops something says why.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from processors.core import access, explain, headcount
from processors.core.draft import Draft
from schemas import limits, settings_state, state
from schemas.access import Access, Because
from schemas.origin import Mode
from schemas.policy import Hold, HoldReason
from schemas.settings_state import Admin, Headcount, Held, Tenant
from schemas.state import DirectoryUser, Leaving, Member, UserKey
from schemas.work import FinishLeaving, ReevaluateHeld

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
    word: Word | None = None


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What may be applied."""

    allowed: Access
    hold: Hold | None = None
    """What is left of what is desired, and the gate that stopped it; None: nothing is left."""
    stopped: Access
    """What that gate was asked for."""


Gate = Callable[[Draft, Case, Access], Access]
"""What of an access may be applied, as far as one gate is concerned."""


def ask(draft: Draft, case: Case) -> Ruling:
    """What may be applied of what is desired; what is approved is past the gate that held it."""
    applied, hold = case.member.applied, case.member.hold
    past = hold.reason if hold is not None and case.word == "approve" else None
    modes = {_mode_of(draft, key) for key, _ in case.users}
    for mode in _MODES:
        if mode != past and (mode in modes or _is_discarded(case, mode)):
            left = None if applied == case.wanted else _hold(case, mode)
            return Ruling(allowed=applied, hold=left, stopped=case.wanted)
    ruling = Ruling(allowed=case.wanted, stopped=case.wanted)
    for reason, gate in _GATES:
        asked = ruling.allowed
        allowed = asked if reason == past else gate(draft, case, asked)
        if allowed != asked:
            ruling = Ruling(allowed=allowed, hold=_hold(case, reason), stopped=asked)
    if ruling.hold is None and any(user.in_conflict for _, user in case.users):
        hold_on = _hold(case, "conflict")  # they gain nothing, and somebody must say who they are
        return Ruling(allowed=ruling.allowed, hold=hold_on, stopped=ruling.stopped)
    return ruling


def _mode_of(draft: Draft, key: UserKey) -> Mode:
    """Who is to lose access when a directory ends is not kept by its mode."""
    directory = draft.directory(key.directory_id)
    ended = directory.deleted_at is not None and directory.on_disconnect == "deactivate"
    return "active" if ended else directory.mode


def keeps(draft: Draft, key: UserKey, user: DirectoryUser, leaving: Leaving) -> str | None:
    """Why the policy keeps somebody whom the IdP wants gone; None lets them go.

    Only the last administrator is kept so (access-rules §2); any other hold is no error.
    """
    tenant = draft.tenant()
    if tenant.sole_admin != "block" or user.member_id is None:
        return None
    member = _member(draft, user.member_id)
    users = tuple(
        (each, state.changed(said, leaving=leaving) if each == key else said)
        for each, said in access.users_of(draft, member)
    )
    wanted = access.desired(draft, access.speaking(draft, users)).access
    case = Case(member_id=user.member_id, member=member, users=users, wanted=wanted)
    hold = ask(draft, case).hold
    if hold is None or hold.reason != "sole_admin" or wanted.standing != "none":
        return None
    return explain.kept(member.display_name, tenant.name, leaving, discarded=hold.discarded)


def follow(draft: Draft, case: Case, after: Member) -> None:
    """Keep the records that the gates go by, and see to what nothing holds any more."""
    tenant, before = draft.tenant(), case.member
    _index_hold(draft, case.member_id, before.hold, after.hold)
    is_admin = _is_admin(tenant, after.applied)
    if is_admin or before.applied != after.applied:
        _index_admin(draft, case, after, now=is_admin)
    _count(draft, tenant, case, after)
    for key, user in case.users:
        if user.leaving is not None and after.hold is None:
            place = key.directory_id, key.user_id
            # A cause of its own: what set this off may have told of the user already.
            cause = draft.event_id("leaving", *place, user.stamp.at.isoformat())
            trigger = state.changed(draft.trigger, cause=cause, directory_id=place[0])
            finish = FinishLeaving(trigger=trigger, directory_id=place[0], user_id=place[1])
            draft.schedule(draft.now, finish, "leaving", *place)


def _conflict(draft: Draft, case: Case, allowed: Access) -> Access:
    """Of whom it is not known who it is grants nothing."""
    known = tuple(each for each in case.users if not each[1].in_conflict)
    if known == case.users:
        return allowed
    return access.desired(draft, access.speaking(draft, known)).access


def _sole_admin(draft: Draft, case: Case, allowed: Access) -> Access:
    """The last administrator stays; of who stays in the product anyway, only the role does."""
    tenant, applied = draft.tenant(), case.member.applied
    if _is_admin(tenant, allowed) or not _is_admin(tenant, applied):
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
    is_tripped = len(known.lost) >= headcount.most(known) or _is_held(case.member, "breaker")
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


def _is_held(member: Member, reason: HoldReason) -> bool:
    return member.hold is not None and member.hold.reason == reason


def _is_admin(tenant: Tenant, has: Access) -> bool:
    return has.standing == "active" and has.role in tenant.admin_roles


def _has_another_admin(draft: Draft, tenant: Tenant, case: Case) -> bool:
    """Whether somebody else is an administrator, and not on hold as the last one.

    Of several who are on hold so, each goes for another, until one is left.
    """
    to_go = Hold(reason="sole_admin") if _is_held(case.member, "sole_admin") else None
    for key, _ in draft.scan(state.prefix("admin", draft.tenant_id), Admin):
        other = _member(draft, state.last_part_of(key))
        stays = not _is_held(other, "sole_admin") or other.hold == to_go
        if stays and state.last_part_of(key) != case.member_id and _is_admin(tenant, other.applied):
            return True
    return False


def _index_hold(draft: Draft, member_id: str, before: Hold | None, after: Hold | None) -> None:
    for hold, record in ((before, None), (after, Held())):
        if hold is not None and (before and before.reason) != (after and after.reason):
            draft.put(settings_state.held_key(draft.tenant_id, hold.reason, member_id), record)


def _index_admin(draft: Draft, case: Case, after: Member, *, now: bool) -> None:
    """Who is an administrator from now on lets those go who were held as the last one."""
    place = settings_state.admin_key(draft.tenant_id, case.member_id)
    known = draft.get(place, Admin) is not None
    if known != now:
        draft.put(place, Admin() if now else None)
    counted = known and not _is_held(case.member, "sole_admin")
    held = draft.scan(state.prefix("held", draft.tenant_id, "sole_admin"), Held)
    begins = now and not counted and not _is_held(after, "sole_admin")
    if begins and next(held, None) is not None:
        trigger = state.changed(
            draft.trigger,
            phrase=f"{after.display_name} is an administrator now",
            because=Because(kind="admin", id="policy", name="the policy"),
        )
        draft.schedule(draft.now, ReevaluateHeld(trigger=trigger, reason="sole_admin"), "held")


def _count(draft: Draft, tenant: Tenant, case: Case, after: Member) -> None:
    """Count who has access, and who lost it; whom an administrator lets go trips no breaker."""
    before = case.member
    gained = (after.applied.standing == "active") - (before.applied.standing == "active")
    begins = _is_held(after, "breaker") and not _is_held(before, "breaker")
    counts = begins or (gained < 0 and case.word != "approve")
    if gained == 0 and not counts:
        return
    known = headcount.now(draft)
    lost = (*known.lost, draft.now)[-limits.BREAKER_PEOPLE - 1 :] if counts else known.lost
    counted = Headcount(with_access=known.with_access + gained, lost=lost)
    draft.put(settings_state.headcount_key(draft.tenant_id), counted)
    if tenant.breaker == "alert" and len(known.lost) == headcount.most(known) < len(lost):
        sentence = explain.tripped(len(lost))
        part = f"breaker/{case.member_id}/{after.revision}"
        draft.audit(f"tenant/{draft.tenant_id}", sentence, decision="ignored", part=part)


def _member(draft: Draft, member_id: str) -> Member:
    found = draft.get(state.member_key(draft.tenant_id, member_id), Member)
    assert found is not None, f"member {member_id} was never made"
    return found
