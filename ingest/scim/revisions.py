"""Up to which revision each directory was read last, by this gateway."""

from typing import Final

_REMEMBERED: Final = 10_000


class Revisions:
    """What a creation is built on without asking first: an older revision is safe, only slower.

    Something newer refuses it, and then it is read.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], int] = {}

    def of(self, tenant_id: str, directory_id: str) -> int | None:
        """The newest revision that was seen; None for a directory that was not."""
        return self._known.get((tenant_id, directory_id))

    def saw(self, tenant_id: str, directory_id: str, revision: int) -> None:
        """The read model has come up to there."""
        key = tenant_id, directory_id
        newest = max(revision, self._known.pop(key, 0))
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]  # the one that was seen longest ago
        self._known[key] = newest
