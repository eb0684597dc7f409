"""Why applied access lags behind desired access, one gate after the other (access-rules §1)."""

from processors.core.draft import Draft
from schemas.state import DirectoryUser, Leaving, UserKey


def keeps(draft: Draft, key: UserKey, user: DirectoryUser, leaving: Leaving) -> str | None:
    """Why the policy keeps somebody whom the IdP wants gone; None lets them go."""
    del draft, key, user, leaving
    return None
