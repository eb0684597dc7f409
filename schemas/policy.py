"""What a tenant may decide about its people and their attributes (access-rules §5, DESIGN §6)."""

from typing import Literal

import msgspec

SoleAdmin = Literal["allow", "block"]
"""What happens when the last administrator would lose that role: `block` holds it back."""
Breaker = Literal["off", "alert", "hold"]
"""What happens when many people would lose access at once (`schemas.limits.BREAKER_*`)."""
Linked = Literal["directory", "higher"]
"""Whose word counts of people whom a directory and the product grant something (access-rules §4).

`higher`: while a directory has somebody active, the higher role and all workspaces of both.
"""
HoldReason = Literal["testing", "paused", "conflict", "sole_admin", "breaker"]
"""Why applied access lags behind desired access (access-rules §1), in the order of the gates."""


class OwnAttribute(msgspec.Struct, frozen=True, order=True):
    """An attribute of people that a tenant keeps besides those of the core and enterprise User."""

    schema: str
    """URN of the SCIM extension that it stands in."""
    name: str
    type: Literal["string", "boolean", "integer", "decimal"] = "string"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why what is desired for a member is not applied yet."""

    reason: HoldReason
    discarded: bool = False
    """An administrator said that it shall not be applied."""
