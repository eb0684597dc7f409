"""The shapes of WorkOS's events, as far as we read them (idp-facts §1.1).

What WorkOS may leave out has a default here; what we do not read is not named, so it can change.
"""

import json
import re
from typing import Final, TypeVar

import msgspec

from ingest.refusals import InvalidEventError
from schemas import limits

# A string that does not end reaches to the end of the text, so that the scan stays linear.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_STRUCTURE = re.compile(rf"{_STRING}|[\[{{\]}}]", re.DOTALL)
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}

Shape = TypeVar("Shape", bound=msgspec.Struct)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of every event."""

    event: str
    """Its type."""
    id: str = ""
    created_at: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A directory user."""

    id: str
    directory_id: str
    state: str
    """`active`; anything else is not."""
    # The rest may be of any type: a field that nobody needs must not hold up a departure.
    idp_id: object = None
    email: object = None
    emails: object = None
    first_name: object = None
    last_name: object = None
    username: object = None
    job_title: object = None
    custom_attributes: object = None


class DeletedUser(msgspec.Struct, frozen=True, kw_only=True):
    """A directory user that is gone: who it was is all that counts."""

    id: str
    directory_id: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A directory group."""

    id: str
    directory_id: str
    name: object = None
    idp_id: object = None


class DeletedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A directory group that is gone."""

    id: str
    directory_id: str


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a membership."""

    id: str


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A user joined a group or left it."""

    directory_id: str
    user: End
    group: End


class Directory(msgspec.Struct, frozen=True, kw_only=True, rename={"directory_id": "id"}):
    """A directory, connected or not."""

    directory_id: str
    state: object = None
    """`active`, `validating`, `invalid_credentials`, `inactive`, `deleting`; WorkOS's API says
    `linked` and `unlinked` instead of `active` and `inactive`."""
    domains: object = None
    """The organization's, a list of `organization_domain`."""


class DeletedDirectory(msgspec.Struct, frozen=True, kw_only=True, rename={"directory_id": "id"}):
    """A directory that is gone; the `state` in it is the one before, and means nothing."""

    directory_id: str


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token with which an IdP writes to WorkOS."""

    directory_id: str
    token_suffix: object = None


class Unknown(msgspec.Struct, frozen=True, kw_only=True, rename={"kind": "object"}):
    """The data of a type of event that we do not know, which may be about a directory."""

    kind: object = None
    id: object = None
    directory_id: object = None


Data = (
    User
    | DeletedUser
    | Group
    | DeletedGroup
    | Membership
    | Directory
    | DeletedDirectory
    | Token
    | Unknown
)

DATA_OF: Final[dict[str, type[Data]]] = {
    "dsync.user.created": User,
    "dsync.user.updated": User,
    "dsync.user.deleted": DeletedUser,
    "dsync.group.created": Group,
    "dsync.group.updated": Group,
    "dsync.group.deleted": DeletedGroup,
    "dsync.group.user_added": Membership,
    "dsync.group.user_removed": Membership,
    "dsync.activated": Directory,
    "dsync.deactivated": Directory,  # no longer sent, and still in WorkOS's older documents
    "dsync.deleted": DeletedDirectory,
    "dsync.token.created": Token,
    "dsync.token.revoked": Token,
}
"""The `data` of each type of event that we know."""


def event_of(body: bytes) -> Event:
    """The envelope of an event.

    Raises:
        InvalidEventError: the body is not JSON, is nested too deeply, or is no event.
    """
    try:
        text = body.decode()  # the decoder would not look into what it skips
    except UnicodeDecodeError:
        raise InvalidEventError("The body is not UTF-8: send the event as it is.") from None
    _require_flat(text)
    return _decoded(text, Event)


def data_of(event: Event) -> Data:
    """The data of an event.

    Raises:
        InvalidEventError: something is missing, or of another type than WorkOS sends.
    """
    return _decoded(event.data, DATA_OF.get(event.event, Unknown))


def _decoded(text: str | msgspec.Raw, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.DecodeError:
        pass
    try:
        return msgspec.json.decode(_without_half_characters(text), type=shape)
    except (msgspec.DecodeError, ValueError) as error:
        # Its text names places and types, never values.
        reason = error if isinstance(error, msgspec.DecodeError) else "it is not JSON"
        raise InvalidEventError(f"The body is no event of WorkOS's: {reason}.") from None


def _without_half_characters(text: str | msgspec.Raw) -> bytes:
    """The same JSON with `?` where half of a surrogate pair stood, as JavaScript may write it."""
    value = json.loads(text if isinstance(text, str) else bytes(text), parse_constant=_refuse)
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and the like are not JSON


def _require_flat(text: str) -> None:
    if text.count("{") + text.count("[") <= limits.JSON_DEPTH:
        return  # as WorkOS's events are: too few brackets to be deep
    depth = 0
    for token in _STRUCTURE.finditer(text):
        depth += _STEP.get(token[0], 0)
        if depth > limits.JSON_DEPTH:
            raise InvalidEventError(
                f"The body is nested too deeply: {limits.JSON_DEPTH} levels are read."
            )
