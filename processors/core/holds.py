"""Holds: what an administrator says about them."""

from processors.core import answers
from processors.core.draft import Decision, Draft
from schemas.settings_changes import RuleHold


def rule(draft: Draft, change: RuleHold) -> Decision:
    """End a hold, one way or the other."""
    detail = f"nothing of {change.member_id} is on hold"
    return answers.refused(draft, change, 404, "no_hold", detail)
