"""The records that the gates go by: who is an administrator, who is on hold, who lost access."""

from processors.core import explain, headcount
from processors.core.draft import Draft
from schemas import limits, settings_state, state
from schemas.access import Access, Because
from schemas.policy import Hold, HoldReason
from schemas.settings_state import Admin, Headcount, Held, Tenant
from schemas.state import DirectoryUser, Member, UserKey
from schemas.work import FinishLeaving, ReevaluateHeld


def is_admin(tenant: Tenant, has: Access) -> bool:
    """Whether an access is an administrator's."""
    return has.standing == "active" and has.role in tenant.admin_roles


def is_held(member: Member, reason: HoldReason) -> bool:
    """Whether something of a member is on hold for a reason."""
    return member.hold is not None and member.hold.reason == reason


def index_hold(draft: Draft, member_id: str, before: Hold | None, after: Hold | None) -> None:
    """Keep the list of those who are on hold for a reason."""
    for hold, record in ((before, None), (after, Held())):
        if hold is not None and (before and before.reason) != (after and after.reason):
            draft.put(settings_state.held_key(draft.tenant_id, hold.reason, member_id), record)


def index_admin(draft: Draft, member_id: str, before: Member, after: Member, *, now: bool) -> None:
    """Who is an administrator from now on lets those go who were held as the last one."""
    place = settings_state.admin_key(draft.tenant_id, member_id)
    known = draft.get(place, Admin) is not None
    if known != now:
        draft.put(place, Admin() if now else None)
    counted = known and not is_held(before, "sole_admin")
    held = draft.scan(state.prefix("held", draft.tenant_id, "sole_admin"), Held)
    begins = now and not counted and not is_held(after, "sole_admin")
    if begins and next(held, None) is not None:
        trigger = state.changed(
            draft.trigger,
            phrase=f"{after.display_name} is an administrator now",
            because=Because(kind="admin", id="policy", name="the policy"),
        )
        draft.schedule(draft.now, ReevaluateHeld(trigger=trigger, reason="sole_admin"), "held")


def count(draft: Draft, member_id: str, before: Member, after: Member, *, exempt: bool) -> None:
    """Count who has access, and who lost it; who is `exempt` trips no breaker."""
    gained = (after.applied.standing == "active") - (before.applied.standing == "active")
    begins = is_held(after, "breaker") and not is_held(before, "breaker")
    counts = begins or (gained < 0 and not exempt)
    if gained == 0 and not counts:
        return
    known = headcount.now(draft)
    lost = (*known.lost, draft.now)[-limits.BREAKER_PEOPLE - 1 :] if counts else known.lost
    counted = Headcount(with_access=known.with_access + gained, lost=lost)
    draft.put(settings_state.headcount_key(draft.tenant_id), counted)
    alerts = draft.tenant().breaker == "alert"
    if alerts and len(known.lost) == headcount.most(known) < len(lost):
        sentence = explain.tripped(len(lost))
        part = f"breaker/{member_id}/{after.revision}"
        draft.audit(f"tenant/{draft.tenant_id}", sentence, decision="ignored", part=part)


def let_leave(draft: Draft, key: UserKey, user: DirectoryUser) -> None:
    """Leave it to follow-up work to apply the departure of somebody whom nothing keeps any more."""
    place = key.directory_id, key.user_id
    # A cause of its own: what set this off may have told of the user already.
    cause = draft.event_id("leaving", *place, user.stamp.at.isoformat())
    trigger = state.changed(draft.trigger, cause=cause, directory_id=place[0])
    finish = FinishLeaving(trigger=trigger, directory_id=place[0], user_id=place[1])
    draft.schedule(draft.now, finish, "leaving", *place)
