"""State records by which members are found: by email, by external id, by the product's own id."""

from datetime import datetime

from schemas.state import State, key


class Findable(State, frozen=True, kw_only=True):
    """A member can be found by an email or, where the product knows it, by an external id."""


class Product(State, frozen=True, kw_only=True):
    """Which member the product's own id names."""

    member_id: str | None = None
    """None: the product removed somebody whom it had not told of yet."""
    shut_at: datetime | None = None
    """When the product last suspended or removed them, by the door's clock.

    Such words take the urgent lane, and overtake what was said before them.
    """


def email_key(tenant_id: str, email: str, member_id: str) -> bytes:
    """Where a Findable stands by email; `email` is in the form in which names are compared."""
    return key("email", tenant_id, email, member_id)


def known_id_key(tenant_id: str, external_id: str, member_id: str) -> bytes:
    """Where a Findable stands by the external id that the product knows."""
    return key("known-id", tenant_id, external_id, member_id)


def product_key(tenant_id: str, product_id: str) -> bytes:
    """Where a Product stands."""
    return key("product", tenant_id, product_id)
