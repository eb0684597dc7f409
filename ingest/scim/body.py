"""The JSON that a request brings: read once, and told to be none only to whom it matters."""

from typing import Any

from pydantic_core import from_json
from scim2_models import InvalidSyntaxException

from ingest.scim.bounds import require_bounded_body
from ingest.scim.dialects.translation import Translation


class Body:
    """What a client sent, and what it means."""

    def __init__(self, content: bytes) -> None:
        """Read a body; that it is no JSON is an answer for whoever asks for it."""
        self._wrong: str | None = None
        self.sent: Any = None
        try:
            self.sent = from_json(content)
        except ValueError as error:
            self._wrong = str(error)
        self._said = self.sent

    def json(self) -> Any:
        """It in RFC form, once it is translated.

        Raises:
            InvalidSyntaxException: it is no JSON, or there is none.
        """
        if self._wrong is not None:
            raise InvalidSyntaxException(detail=self._wrong)
        return self._said

    def translate(self, translation: Translation, method: str, path: str) -> None:
        """Give it RFC form, once it is known to be bounded.

        Raises:
            SCIMException: it means more than a request may ask for: one operation may stand for
                many.
        """
        self._said = translation.body(method, path, self.sent)
        if method == "PATCH" or path == "/Bulk":
            require_bounded_body(path, self._said)
