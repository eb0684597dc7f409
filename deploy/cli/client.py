"""Calls the admin API of the gateway, and turns its errors into sentences."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deploy.cli.errors import CommandError
from schemas import limits

if TYPE_CHECKING:
    import httpx2

    from schemas.settings import Settings

Body = dict[str, Any]

_PATIENCE = limits.OUTCOME_SECONDS + 10.0  # seconds; the gateway answers 503 before


class RefusedError(CommandError):
    """The gateway refuses what was asked for; `code` is its reason for programs."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(f"Refused ({status}): {reason}")
        self.code = code
        self.reason = reason


class Api:
    """The admin API as commands use it: paths as words below /api, bodies as keywords."""

    def __init__(self, settings: "Settings") -> None:
        """Nothing is opened before the first call.

        Raises:
            SettingsError: there is no admin token.
        """
        self._url = settings.url.rstrip("/")
        self._token = settings.require_admin_token()
        self.scim_url = settings.scim_url

    def get(self, *path: str, **query: str | int | None) -> Body:
        """Read; a query value of None is left out.

        Raises:
            CommandError: no gateway answers, or it refuses; the text is its reason.
        """
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._call("GET", path, query=given)

    def post(self, *path: str, **body: Any) -> Body:
        """Make something.

        Raises:
            CommandError: no gateway answers, or it refuses; the text is its reason.
        """
        return self._call("POST", path, body=body)

    def put(self, *path: str, **body: Any) -> Body:
        """Set something.

        Raises:
            CommandError: no gateway answers, or it refuses; the text is its reason.
        """
        return self._call("PUT", path, body=body)

    def delete(self, *path: str) -> Body:
        """End something.

        Raises:
            CommandError: no gateway answers, or it refuses; the text is its reason.
        """
        return self._call("DELETE", path)

    def _call(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Body:
        import httpx2  # noqa: PLC0415 - it would slow down --help

        address = "/".join((self._url, "api", *(quote(word, safe="") for word in path)))
        try:
            answer = httpx2.request(
                method,
                address,
                params=query,
                json=body,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=_PATIENCE,
            )
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            raise CommandError(
                f"No gateway answers at {self._url} ({error}): start one with `rollcall up`, or"
                " set ROLLCALL_URL."
            ) from error
        return self._body(answer)

    def _body(self, answer: "httpx2.Response") -> Body:
        try:
            body = answer.json()
        except ValueError:
            body = None
        if answer.status_code == 401:
            raise CommandError(
                f"The gateway at {self._url} refuses the admin token: set ROLLCALL_ADMIN_TOKEN to"
                " the one that it was started with."
            )
        if not isinstance(body, dict):
            raise CommandError(
                f"{self._url} answered {answer.status_code} without JSON, so it is no gateway:"
                " check ROLLCALL_URL."
            )
        if answer.is_error:
            reason = body.get("detail") or body.get("error") or "it gives no reason"
            raise RefusedError(answer.status_code, str(body.get("error")), reason)
        return body


def connect() -> Api:
    """The API that ROLLCALL_URL and ROLLCALL_ADMIN_TOKEN name.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    from schemas import settings  # noqa: PLC0415 - it would slow down --help

    return Api(settings.load())
