"""What a request changes, as it was found out when it arrived."""

from schemas.scim import Document


class Told:
    """What a request changes, found out when it arrived: a retry changes nothing else.

    So what somebody changes meanwhile, and this request only repeated, stays changed (DESIGN §5).
    """

    def __init__(self, *, names_active: bool, whole: bool) -> None:
        """For one request.

        Args:
            names_active: it says itself whether a person is active.
            whole: it gives every attribute, not only those that are to change.
        """
        self.names_active = names_active
        self._whole = whole
        self._attributes: frozenset[str] | None = None
        self._leaving: bool | None = None
        self._members: tuple[set[str], set[str]] | None = None

    def narrowed(self, changed: Document) -> Document:
        """The changes that the request brought itself."""
        first = self._attributes
        if first is None:
            self._attributes = frozenset(changed)
            return changed
        left_out = (changed.keys() if self._whole else {"active"}) - first
        return {name: value for name, value in changed.items() if name not in left_out}

    def was_leaving(self, leaving: bool) -> bool:  # what was just read
        """Whether a departure is held back, and was when the request arrived: it may end that."""
        if self._leaving is None:
            self._leaving = leaving
        return self._leaving and leaving

    def members_narrowed(self, added: set[str], removed: set[str]) -> tuple[list[str], list[str]]:
        """The members that the request itself adds and removes, sorted."""
        if self._members is None:
            self._members = added, removed
        first_added, first_removed = self._members
        return sorted(added & first_added), sorted(removed & first_removed)
