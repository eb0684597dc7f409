"""What of a SCIM resource describes a person to the product: name, email, single attributes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas import limits
from schemas.names import is_redacted
from schemas.origin import Attribute
from schemas.scim import Document
from schemas.state import DirectoryUser, changed

ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
"""The enterprise User (RFC 7643 §4.3)."""

_CORE: Final = {"title": "title", "userType": "employee_type"}
_OF_ENTERPRISE: Final = {
    "department": "department",
    "division": "division",
    "costCenter": "cost_center",
    "employeeNumber": "employee_number",
    "organization": "organization",
}


def described(user: DirectoryUser, resource: Document) -> DirectoryUser:
    """The user as a whole resource describes it; identity and `active` are not touched."""
    name = _object(resource.get("name"))
    return changed(
        user,
        resource=resource,
        email=_email(resource.get("emails")),
        first_name=_text(name.get("givenName")),
        last_name=_text(name.get("familyName")),
        user_name=_text(resource.get("userName")),
        attributes=dict(_attributes(resource)),
    )


def shown(user: DirectoryUser) -> dict[str, Attribute]:
    """The attributes as the product is told: without those that were replaced by their hash."""
    hidden = any(map(is_redacted, user.attributes.values()))
    if not hidden:
        return user.attributes
    return {name: value for name, value in user.attributes.items() if not is_redacted(value)}


def _attributes(resource: Document) -> Iterator[tuple[str, Attribute]]:
    """Under our names those of the core and enterprise User, under their URN all others."""
    enterprise = _object(resource.get(ENTERPRISE))
    for names, holder in ((_CORE, resource), (_OF_ENTERPRISE, enterprise)):
        for theirs, ours in names.items():
            yield from _single(ours, holder.get(theirs))
    for urn, extension in resource.items():
        if urn.startswith("urn:") and urn != ENTERPRISE:
            for name, value in _object(extension).items():
                yield from _single(f"{urn}:{name}", value)


def _single(name: str, value: object) -> Iterator[tuple[str, Attribute]]:
    if isinstance(value, str | int | float) and not is_redacted(value):
        yield name, value[: limits.TEXT_LENGTH] if isinstance(value, str) else value


def _email(emails: object) -> str | None:
    """The primary address, else that of work, else the first."""
    listed = [each for each in emails if isinstance(each, dict)] if isinstance(emails, list) else []
    best = sorted(
        listed, key=lambda each: (each.get("primary") is not True, each.get("type") != "work")
    )
    text = next((text for each in best if (text := _text(each.get("value")))), None)
    return text and text[: limits.EMAIL_LENGTH]  # it is indexed


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value or is_redacted(value):
        return None
    return value[: limits.TEXT_LENGTH]
