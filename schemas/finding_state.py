"""State records by which members are found: by email, by external id, by the product's own id."""

from schemas.state import State, key


class Findable(State, frozen=True, kw_only=True):
    """A member can be found by an email or, where the product knows it, by an external id."""


class Product(State, frozen=True, kw_only=True):
    """Which member the product's own id names."""

    member_id: str


def email_key(tenant_id: str, email: str, member_id: str) -> bytes:
    """Where a Findable stands by email; `email` is in the form in which names are compared."""
    return key("email", tenant_id, email, member_id)


def known_id_key(tenant_id: str, external_id: str, member_id: str) -> bytes:
    """Where a Findable stands by the external id that the product knows."""
    return key("known-id", tenant_id, external_id, member_id)


def product_key(tenant_id: str, product_id: str) -> bytes:
    """Where a Product stands."""
    return key("product", tenant_id, product_id)
