"""What the product says of its members, of which no directory knows (access-rules §4)."""

from datetime import datetime
from typing import Literal

import msgspec

from schemas.access import WorkspaceGrant

ManualStanding = Literal["active", "suspended", "removed"]
"""Whether the product itself lets somebody in.

`suspended`: nobody, whatever directories say; `removed`: the product has the person no longer.
"""
Proof = Literal["dns", "workos", "vouched"]
"""How a domain came to be a tenant's: a DNS record, WorkOS's word, or the vendor's."""
Matched = Literal["member_id", "external_id", "email"]
"""By what somebody whom the product has, and somebody whom a directory reports, are the same."""


class Manual(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the product says of a member; the policy weighs it against what directories say."""

    standing: ManualStanding = "active"
    role: str | None = None
    workspaces: tuple[WorkspaceGrant, ...] = ()
    """Sorted by workspace, each once."""
    email: str | None = None
    display_name: str = ""
    external_id: str | None = None
    """The person's id at the IdP, where the product knows it: the surest way to link."""
    joined_at: datetime | None = None
    protected: bool = False
    """No directory ever moves this member's access or profile."""
