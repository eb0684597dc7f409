"""Unique names of a SCIM directory: who has one, and who had it until when."""

from processors.core import scim_answers
from processors.core.draft import Draft
from schemas.names import comparable, exact
from schemas.origin import Stamp
from schemas.scim import Document, ScimUserChange
from schemas.scim_state import Named, NameKind, named_key

_KINDS: tuple[NameKind, ...] = ("userName", "externalId")


class Names:
    """The names of users: a userName in any case, an externalId as it is (RFC 7643 §3.1, §4.1)."""

    def __init__(
        self, draft: Draft, change: ScimUserChange | None, directory_id: str | None = None
    ) -> None:
        """For one change, or for what happens by itself in a directory."""
        self._draft = draft
        self._change = change
        self._directory_id = directory_id or (change.directory_id if change else "")
        self._freed: list[Stamp] = []

    def holder(self, kind: NameKind, name: str | None) -> str | None:
        """Id of the user who has a name now."""
        if not name:
            return None
        named = self._draft.get(self._place(kind, name), Named)
        if named is None:
            return None
        if named.free:
            self._freed.append(named.stamp)
            return None
        return named.owner

    def freed_since_read(self) -> bool:
        """Whether a name that was asked for was given up after the sender had read.

        What was built on the time before may be a creation that somebody deleted since.
        """
        assert self._change is not None
        change = self._change
        return any(scim_answers.is_newer(stamp, change) for stamp in self._freed)

    def move(self, owner: str, stamp: Stamp, before: Document, after: Document) -> None:
        """Give up the names of a resource, and take those that it has now."""
        for kind in _KINDS:
            old, new = before.get(kind), after.get(kind)
            if old and (not new or self._place(kind, old) != self._place(kind, new)):
                freed = Named(owner=owner, stamp=stamp, free=True)
                self._draft.put(self._place(kind, old), freed)
            if new:
                place = self._place(kind, new)
                held = self._draft.get(place, Named)
                if held is None or held.free or held.owner != owner:
                    self._draft.put(place, Named(owner=owner, stamp=stamp))

    def _place(self, kind: NameKind, name: str) -> bytes:
        form = comparable(name) if kind == "userName" else exact(name)
        return named_key(self._draft.tenant_id, self._directory_id, kind, form)
