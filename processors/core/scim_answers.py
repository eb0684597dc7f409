"""How a SCIM change ends: done, refused for good, or built on something older than what is known.

The bodies are for the gateway, which makes SCIM's own answers of them.
"""

from typing import Literal

from processors.core.draft import Decision, Draft
from schemas.origin import Stamp
from schemas.scim import ScimChange
from schemas.scim_state import moment_of

Why = Literal["uniqueness", "mutability", "not_found", "disconnected"]

_STATUS = {"uniqueness": 409, "mutability": 400, "not_found": 404, "disconnected": 401}


def done(draft: Draft, change: ScimChange, resource_id: str, *, status: int = 200) -> Decision:
    """The change is applied; the answer tells the resource's id and revision."""
    revision = draft.revision(change.directory_id)
    draft.settle(change, status, {"id": resource_id, "revision": revision})
    return draft.decision()


def refused(draft: Draft, change: ScimChange, why: Why, detail: str, subject: str) -> Decision:
    """The change cannot be: audited, and answered with what to do."""
    draft.audit(subject, f"Refused: {detail}", decision="refused")
    draft.settle(change, _STATUS[why], {"error": why, "detail": detail})
    return draft.decision("refused")


def stale(draft: Draft, change: ScimChange, subject: str, *, gone: bool = False) -> Decision:
    """Something newer is known: whoever still waits builds the same on that, and asks again.

    `gone`: what an earlier try of the same creation made was deleted since.
    """
    draft.settle(change, 412, {"error": "gone" if gone else "stale"})
    return draft.ignore_late(subject, "a change by SCIM")


def is_newer(stamp: Stamp | None, change: ScimChange) -> bool:
    """Whether something happened after the sender had read."""
    return stamp is not None and stamp.at > moment_of(change.base)
