"""A page of changes, taken apart: each of them stands for itself from here on."""

from collections.abc import Iterator

from processors.lane import Received
from schemas import codec
from schemas.changes import AnyChange, Page
from schemas.envelope import Headers


class Part:
    """One change of a page as if it had come alone, at the place of its page."""

    def __init__(self, page: Received, number: int, change: AnyChange) -> None:
        self.offset, self.timestamp, self.key = page.offset, page.timestamp, page.key
        self.number = number
        self._change = change

    @property
    def value(self) -> bytes:
        """The change."""
        return codec.encode(self._change)

    @property
    def headers(self) -> Headers:
        """Its CloudEvents attributes, as if it had been published alone."""
        return codec.envelope_of_change(self._change, "rollcall/processors").headers()

    def acknowledge(self) -> None:
        """Its page is acknowledged."""

    def pause(self) -> None:
        """Its page is."""

    def resume(self) -> None:
        """Its page is."""


def parts(message: Received, page: Page) -> Iterator[tuple[Part, AnyChange]]:
    """The changes of a page in their order, and what each would look like on a lane."""
    for number, change in enumerate(page.changes):
        yield Part(message, number, change), change
