"""From WorkOS's events to changes: pure, and the one place that knows both vocabularies."""

import hashlib
from datetime import UTC, datetime
from typing import Any, Final, assert_never

import msgspec

from ingest.attributes import allowed, text
from ingest.refusals import InvalidEventError
from ingest.workos import payloads
from schemas import ids, limits
from schemas.changes import (
    AnyReportedChange,
    DirectoryDeleted,
    DirectoryNoted,
    DirectoryStateReported,
    GroupDeleted,
    GroupReported,
    MembershipAdded,
    MembershipRemoved,
    ReportedUser,
    UserDeleted,
    UserReported,
)
from schemas.origin import Note, Stamp

_CONNECTED: Final = frozenset({"active", "linked", "validating"})
"""The states in which WorkOS takes what an IdP sends (idp-facts §1.1, §1.5)."""
_SUFFIX: Final = 4  # characters of a token that may be told, whatever the event holds


class Ignored(msgspec.Struct, frozen=True):
    """A genuine event of a type that we do not know, about no directory."""

    event_type: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is about a directory, whose tenant is not known yet."""

    directory_id: str
    event_id: str
    event_type: str
    created_at: datetime
    data: payloads.Data


def read(body: bytes) -> Report | Ignored:
    """What a webhook says.

    Raises:
        InvalidEventError: it is no event of the shape that WorkOS sends.
    """
    event = payloads.event_of(body)
    try:
        data = payloads.data_of(event)
        return Report(
            directory_id=_id("directory id of data", _directory_of(data)),
            event_id=_id("id", event.id),
            event_type=event.event,
            created_at=_moment(event.created_at),
            data=data,
        )
    except InvalidEventError:
        if event.event in payloads.DATA_OF:
            raise
        return Ignored(text(event.event))


def change_of(report: Report, *, tenant_id: str, recorded_at: datetime) -> AnyReportedChange:
    """The change that a report is for the tenant that owns its directory.

    Raises:
        InvalidEventError: an id in it cannot be one.
    """
    # With its time: should an id ever come again with another time, it is another change, and
    # what follows from the two cannot get the same ids.
    change_id = ids.of_cause("workos", report.event_id, report.created_at.isoformat())
    common: dict[str, Any] = {
        "change_id": change_id,
        "tenant_id": tenant_id,
        "recorded_at": recorded_at,
        "directory_id": report.directory_id,
        "stamp": Stamp(at=report.created_at, event_id=report.event_id),
    }
    match report.data:
        case payloads.User() as user:
            return UserReported(user=_user(user), **common)
        case payloads.DeletedUser(id=user_id):
            return UserDeleted(user_id=_id("data.id", user_id), **common)
        case payloads.Group() as group:
            return _group(group, common)
        case payloads.DeletedGroup(id=group_id):
            return GroupDeleted(group_id=_id("data.id", group_id), **common)
        case payloads.Membership() as membership:
            return _membership(report.event_type, membership, common)
        case _:
            return _about_directory(report.event_type, report.data, common)


def _about_directory(
    event_type: str,
    data: payloads.Directory | payloads.DeletedDirectory | payloads.Token | payloads.Unknown,
    common: dict[str, Any],
) -> DirectoryStateReported | DirectoryDeleted | DirectoryNoted:
    match data:
        case payloads.Directory():
            return _state(event_type, data, common)
        case payloads.DeletedDirectory():
            return DirectoryDeleted(**common)
        case payloads.Token(token_suffix=suffix):
            note: Note = "token_created" if event_type.endswith("created") else "token_revoked"
            told = (_optional(suffix) or "?")[-_SUFFIX:]
            return DirectoryNoted(note=note, detail=told, **common)
        case payloads.Unknown():
            return DirectoryNoted(note="unknown_event", detail=text(event_type), **common)
        case _:
            assert_never(data)


def _directory_of(data: payloads.Data) -> object:
    """The id of the directory that data is about, as far as it names one."""
    match data:
        case payloads.Unknown(directory_id=None, kind="directory", id=directory_id):
            return directory_id
        case _:
            return data.directory_id


def _user(user: payloads.User) -> ReportedUser:
    user_id = _id("data.id", user.id)
    # Attributes stand in custom_attributes; the older fields beside them count where those do not.
    given = user.custom_attributes
    sent = {str(name): value for name, value in given.items()} if isinstance(given, dict) else {}
    sent["title"] = sent.get("title") or user.job_title
    email = _optional(user.email) or _optional(_primary(user.emails))
    return ReportedUser(
        user_id=user_id,
        idp_id=_idp_id(user.idp_id) or user_id,
        active=user.state == "active",
        email=email[: limits.EMAIL_LENGTH] if email else None,
        first_name=_optional(user.first_name),
        last_name=_optional(user.last_name),
        user_name=_optional(user.username) or _optional(sent.get("username")),
        attributes=allowed(sent),
    )


def _group(group: payloads.Group, common: dict[str, Any]) -> GroupReported:
    group_id = _id("data.id", group.id)
    idp_id = _idp_id(group.idp_id)
    name = _optional(group.name) or _optional(group.idp_id) or group_id
    return GroupReported(group_id=group_id, name=name, idp_id=idp_id, **common)


def _membership(
    event_type: str, membership: payloads.Membership, common: dict[str, Any]
) -> MembershipAdded | MembershipRemoved:
    group_id = _id("data.group.id", membership.group.id)
    user_id = _id("data.user.id", membership.user.id)
    if event_type == "dsync.group.user_added":
        return MembershipAdded(group_id=group_id, user_id=user_id, **common)
    return MembershipRemoved(group_id=group_id, user_id=user_id, **common)


def _state(
    event_type: str, directory: payloads.Directory, common: dict[str, Any]
) -> DirectoryStateReported:
    """Whether the directory is connected, by its event and, where that has one, by its state.

    An event names what happened, its state how the directory stands: one whose credentials are
    refused, or that is being deleted, sends nothing, even if it was activated.  A state that we do
    not know is not called connected, so that somebody looks.  `dsync.deactivated` needs no state.
    """
    named = _optional(directory.state)
    connected = event_type == "dsync.activated" and (named is None or named in _CONNECTED)
    return DirectoryStateReported(connected=connected, **common)


def _primary(emails: object) -> object:
    """The value of the primary one of a list of addresses, else of the first."""
    listed = [each for each in emails if isinstance(each, dict)] if isinstance(emails, list) else []
    primary = [each for each in listed if each.get("primary") is True]
    return next((each.get("value") for each in primary + listed), None)


def _optional(value: object) -> str | None:
    """A text that may be missing; an empty one, or something else, says nothing either."""
    return (text(value) or None) if isinstance(value, str) else None


def _idp_id(value: object) -> str | None:
    """The IdP's id, whatever it looks like: one too long for a key goes by its hash."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        return None
    if "\0" in value or len(value) > limits.ID_LENGTH:
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    return value


def _id(place: str, value: object) -> str:
    """An id that can be a part of a key, here and in Postgres."""
    if not isinstance(value, str) or not value or "\0" in value or len(value) > limits.ID_LENGTH:
        raise InvalidEventError(
            f"`{place}` is missing or cannot be an id: 1 to {limits.ID_LENGTH} characters, no NUL."
        )
    return value


def _moment(value: str) -> datetime:
    """A time as WorkOS writes it: in ISO form, or with a space and without a zone; then UTC."""
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidEventError("`created_at` is missing or no time.") from None
