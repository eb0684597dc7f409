"""What the door hid before it came here: named in the audit log, never with its value."""

from collections.abc import Collection

from processors.core.draft import Draft
from schemas.state import DirectoryUser


def tell(
    draft: Draft,
    redacted: Collection[str],
    known: DirectoryUser | None,
    user: DirectoryUser,
    subject: str,
) -> None:
    """One audit entry for the attributes whose value was hidden; a repeat of it is silent."""
    same = known is not None and (known.attributes, known.resource) == (
        user.attributes,
        user.resource,
    )
    if not redacted or same:
        return
    names = ", ".join(redacted)
    draft.audit(
        subject,
        f"A value that looks like a secret number was replaced by its hash: {names}.",
        part="redacted",
    )
