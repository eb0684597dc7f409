"""Private numbers in what WorkOS reports of a person: they stay at this door (DESIGN §6)."""

from collections.abc import Collection
from typing import Final

from msgspec import structs

from ingest.redaction import Redactor
from schemas.changes import UserReported

_TEXTS: Final = ("first_name", "last_name", "email", "user_name")


def redacted(
    change: UserReported, redactor: Redactor, kept_as_sent: Collection[str]
) -> UserReported:
    """The same report, with hashes where such numbers stood, and the names of the attributes."""
    user = change.user
    said = {name: getattr(user, name) for name in _TEXTS} | user.attributes
    found = redactor.redacted(change.tenant_id, said, kept_as_sent=kept_as_sent)
    if not found.found:
        return change
    texts = {name: found.value[name] for name in _TEXTS}
    attributes = {name: found.value[name] for name in user.attributes}
    user = structs.replace(user, **texts, attributes=attributes)
    return structs.replace(change, user=user, redacted=found.found)
