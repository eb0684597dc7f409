"""Commands: imperatives to a sink and to the product's own services."""

from schemas.access import LostBecause
from schemas.events import MemberEvent


class RevokeSessions(MemberEvent, frozen=True, kw_only=True, tag="revoke_sessions"):
    """End every session and API key of a member, and refuse tokens made before now."""

    reason: LostBecause


class RefreshClaims(MemberEvent, frozen=True, kw_only=True, tag="refresh_claims"):
    """A token made before now may say too much.

    Refresh it, without a logout (access-rules §5, demotion).
    """

    role_from: str | None
    role_to: str | None


SessionCommand = RevokeSessions | RefreshClaims
