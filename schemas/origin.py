"""Where a change comes from: what all of them carry, and the words that they share with state."""

from datetime import datetime
from typing import Literal

import msgspec

Attribute = str | int | float | bool
Provider = Literal[
    "okta", "entra", "onelogin", "jumpcloud", "google", "pingone", "rippling", "generic"
]
"""Which IdP is behind a directory, and so what it really sends; PingFederate is `pingone`."""
Kind = Literal["workos", "scim"]
"""The door that an IdP uses: WorkOS's webhooks, or SCIM 2.0 straight to us."""
Mode = Literal["testing", "active", "paused"]
"""Whether what a directory says moves access (access-rules §5); in the others it is on hold."""
OnDisconnect = Literal["keep", "deactivate"]
"""What a directory's end means for its people (access-rules §5).

`keep`: they keep the access that they have, and no directory speaks for them any more.
"""
Note = Literal["token_created", "token_revoked", "unknown_event"]


class Stamp(msgspec.Struct, frozen=True, order=True):
    """What orders that which is known of one directory.

    Of WorkOS: when it happened there, ties by event id (DESIGN §5, Order).  Of SCIM: when it was
    decided here, each later than the one before it in the same directory.
    """

    at: datetime
    event_id: str


class Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every change carries."""

    change_id: str
    """uuid5 of the sender's event id, so that a repeated delivery is the same change."""
    tenant_id: str
    recorded_at: datetime
    """When it arrived at the door, by the gateway's clock."""
    reply: bool = False
    """Somebody waits for the outcome: settle it with a ChangeSettled event."""


class DirectoryChange(Change, frozen=True, kw_only=True):
    """A change that an IdP made through a directory."""

    directory_id: str
