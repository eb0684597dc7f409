"""Why a request is refused: one exception a reason, with the answer that it becomes.

The detail of a refusal says what to do.  It never repeats what was sent.
"""

from typing import ClassVar, Literal

from schemas import limits
from schemas.origin import Provider


class RefusedError(Exception):
    """A request that gets no 2xx."""

    status: int = 500
    """HTTP status of the answer."""
    code: ClassVar[str] = "internal"
    """For programs: the `error` of the answer."""
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidEventError(RefusedError):
    """A signed webhook that is no event of the shape that WorkOS sends."""

    status = 400
    code = "invalid_event"


class UnsignedError(RefusedError):
    """A webhook whose signature does not verify.

    Which check failed is for our log alone: it would tell a forger how far they got.
    """

    status = 401
    code = "unsigned"

    def __init__(self, why: Literal["header", "secret", "time"]) -> None:
        super().__init__(
            "The signature does not verify. Compare the endpoint's secret and this machine's clock."
        )
        self.why = why


class UnauthenticatedError(RefusedError):
    """A request to the admin API without its token."""

    status = 401
    code = "unauthenticated"
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer realm="rollcall"'}

    def __init__(self) -> None:
        super().__init__("Send the header `Authorization: Bearer <admin token>`.")


class TokenRefusedError(RefusedError):
    """A SCIM request without a token that can be used: the reason tells which day it ended."""

    status = 401
    code = "unauthenticated"
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer realm="rollcall"'}


class NotFoundError(RefusedError):
    """Something that the URL names is not there."""

    status = 404
    code = "not_found"


class ReplacesNothingError(RefusedError):
    """A comparison of a directory that replaces no other one."""

    status = 409
    code = "replaces_nothing"

    def __init__(self) -> None:
        super().__init__("This directory replaces none: set `replaces` to the one that it shall.")


class DirectoryTakenError(RefusedError):
    """A directory that belongs to another tenant."""

    status = 409
    code = "taken"

    def __init__(self) -> None:
        super().__init__("Another tenant owns this directory: check its id.")


class SettledError(RefusedError):
    """A dead letter that was replayed or dropped before."""

    status = 409
    code = "settled"

    def __init__(self, settled: str) -> None:
        super().__init__(f"This dead letter was {settled} already: there is nothing left to do.")


class ValueNotKeptError(RefusedError):
    """A dead letter without the message itself."""

    status = 409
    code = "value_not_kept"

    def __init__(self, letter_id: str) -> None:
        super().__init__(
            f"The dead letter {letter_id} keeps only the place and the hash of a message that was"
            " too large, or had no value: drop it."
        )


class WaitsForDirectoryError(RefusedError):
    """A dead letter whose directory no tenant owns."""

    status = 409
    code = "waits_for_directory"

    def __init__(self) -> None:
        super().__init__(
            "No tenant owns this directory: give it to one with `rollcall directory assign`, and"
            " its changes are replayed."
        )


class SinkRetriesError(RefusedError):
    """A dead letter of a sink, which nobody else can try again."""

    status = 409
    code = "sink_retries"

    def __init__(self) -> None:
        super().__init__("Its sink tries it again whenever it starts: restart the sinks.")


class NoAccessError(RefusedError):
    """A session or API key for somebody who may not log in."""

    status = 409
    code = "no_access"

    def __init__(self) -> None:
        super().__init__("This member has no access: map one of their groups to a role first.")


class BodyTooLargeError(RefusedError):
    """A body above the limit of its URL."""

    status = 413
    code = "too_large"


class BodyTooSlowError(RefusedError):
    """A body that did not arrive in time: whoever sends slowly must not fill the memory."""

    status = 408
    code = "too_slow"

    def __init__(self) -> None:
        super().__init__(f"The body did not arrive within {limits.BODY_SECONDS} s: send it again.")


class InvalidRequestError(RefusedError):
    """A field or parameter of the admin API that cannot be what it is."""

    status = 422
    code = "invalid"


class UnavailableError(RefusedError):
    """Kafka or Postgres is away."""

    status = 503
    code = "unavailable"
    headers: ClassVar[dict[str, str]] = {"Retry-After": str(limits.RETRY_AFTER_SECONDS)}


class NotConfiguredError(UnavailableError):
    """A door whose secret is not set: an empty secret opens nothing."""

    code = "not_configured"


class NotDurableError(UnavailableError):
    """Kafka did not confirm a change, which may stand there nevertheless."""

    code = "not_durable"

    def __init__(self) -> None:
        super().__init__(
            "Kafka did not confirm the change. It may still land: send the same request again."
        )


class TooSlowError(RefusedError):
    """A search that Postgres did not finish in time; sent again, it takes as long."""

    status = 400
    code = "too_slow"

    def __init__(self) -> None:
        super().__init__("This search takes too long: filter by userName, externalId or id.")


class BusyError(UnavailableError):
    """A SCIM write whose turn did not come in time."""

    code = "busy"

    def __init__(self, provider: Provider) -> None:
        super().__init__("Too much is to be done just now, nothing was changed: send it again.")
        self.status = _retried_by(provider)


class GivenUpError(UnavailableError):
    """A SCIM write that may still land: the same request again finds what it made."""

    code = "outcome_pending"

    def __init__(self, provider: Provider) -> None:
        super().__init__(
            "The change is not decided yet, and may still land: send the same request again."
        )
        self.status = _retried_by(provider)


class OutcomeTimeoutError(UnavailableError):
    """A change is safe in Kafka, and its outcome is not there yet."""

    code = "outcome_pending"

    def __init__(self) -> None:
        super().__init__(
            "The change is stored but not decided yet, and may still land: read it later,"
            " or send the same request again."
        )


def _retried_by(provider: Provider) -> int:
    """Okta is known to repeat 429, and not known to repeat 503 (idp-facts §D)."""
    return 429 if provider == "okta" else 503
