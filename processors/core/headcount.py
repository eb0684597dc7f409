"""How many people have access, and who lost it lately: what the breaker goes by."""

from datetime import timedelta

from processors.core.draft import Draft
from schemas import limits, settings_state, state
from schemas.settings_state import Headcount


def now(draft: Draft) -> Headcount:
    """As it stands now: whoever lost access long ago counts no more."""
    place = settings_state.headcount_key(draft.tenant_id)
    known = draft.get(place, Headcount) or Headcount()
    since = draft.now - timedelta(minutes=limits.BREAKER_MINUTES)
    return state.changed(known, lost=tuple(moment for moment in known.lost if moment > since))


def most(known: Headcount) -> int:
    """How many people may lose access in the time in which that counts."""
    share = (known.with_access + len(known.lost)) * limits.BREAKER_SHARE // 100
    return min(limits.BREAKER_PEOPLE, max(limits.BREAKER_LEAST, share))
