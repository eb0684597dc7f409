from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ingest.refusals import InvalidEventError
from ingest.workos import translation
from schemas import codec, ids, limits
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
    is_urgent,
)
from schemas.origin import Stamp
from tests.ingest import events
from tests.ingest.events import (
    DIRECTORY,
    GROUP_ID,
    USER_ID,
    directory,
    event,
    group,
    membership,
    token,
    user,
)

ARRIVED = datetime(2026, 7, 1, tzinfo=UTC)
EVENT_ID = "event_04FKJ843CVE8F7BXQSPFH0M53V"
COMMON: dict[str, Any] = {
    "change_id": ids.of_cause("workos", EVENT_ID, "2021-06-25T19:07:33.155000+00:00"),
    "tenant_id": "acme",
    "recorded_at": ARRIVED,
    "directory_id": DIRECTORY,
    "stamp": Stamp(at=datetime(2021, 6, 25, 19, 7, 33, 155_000, UTC), event_id=EVENT_ID),
}
ADA = ReportedUser(
    user_id=USER_ID,
    idp_id="8931",
    active=True,
    email="ada@example.com",
    first_name="Ada",
    last_name="Byron",
    user_name="ada",
    attributes={"title": "Analyst", "department": "Engines"},
)


def change_of(sent: dict[str, Any]) -> AnyReportedChange:
    report = translation.read(events.body_of(sent))
    assert isinstance(report, translation.Report)
    return translation.change_of(report, tenant_id="acme", recorded_at=ARRIVED)


def reported(**changed: Any) -> ReportedUser:
    change = change_of(event("dsync.user.updated", user(**changed)))
    assert isinstance(change, UserReported)
    return change.user


@pytest.mark.parametrize(
    ("sent", "change", "urgent"),
    [
        (event("dsync.user.created", user()), UserReported(user=ADA, **COMMON), False),
        (
            event("dsync.user.updated", user(state="inactive", previous_attributes={})),
            UserReported(user=msgspec.structs.replace(ADA, active=False), **COMMON),
            True,
        ),
        (event("dsync.user.deleted", user()), UserDeleted(user_id=USER_ID, **COMMON), True),
        (
            event("dsync.group.created", group()),
            GroupReported(group_id=GROUP_ID, name="Developers", idp_id="02grqrue4294w24", **COMMON),
            False,
        ),
        (
            event("dsync.group.updated", group(name="Makers", previous_attributes={"name": "?"})),
            GroupReported(group_id=GROUP_ID, name="Makers", idp_id="02grqrue4294w24", **COMMON),
            False,
        ),
        (event("dsync.group.deleted", group()), GroupDeleted(group_id=GROUP_ID, **COMMON), True),
        (
            event("dsync.group.user_added", membership()),
            MembershipAdded(group_id=GROUP_ID, user_id=USER_ID, **COMMON),
            False,
        ),
        (
            event("dsync.group.user_removed", membership()),
            MembershipRemoved(group_id=GROUP_ID, user_id=USER_ID, **COMMON),
            True,
        ),
        (
            event("dsync.activated", directory()),
            DirectoryStateReported(connected=True, **COMMON),
            False,
        ),
        (
            event("dsync.deactivated", directory()),
            DirectoryStateReported(connected=False, **COMMON),
            False,
        ),
        (event("dsync.deleted", directory()), DirectoryDeleted(**COMMON), True),
        (
            event("dsync.token.created", token()),
            DirectoryNoted(note="token_created", detail="a1b2", **COMMON),
            False,
        ),
        (
            event("dsync.token.revoked", token(value="secret-a1b2")),
            DirectoryNoted(note="token_revoked", detail="a1b2", **COMMON),
            False,
        ),
        (
            event("dsync.group.painted", {"directory_id": DIRECTORY, "id": 7}),
            DirectoryNoted(note="unknown_event", detail="dsync.group.painted", **COMMON),
            False,
        ),
        (
            event("dsync.paused", directory()),
            DirectoryNoted(note="unknown_event", detail="dsync.paused", **COMMON),
            False,
        ),
    ],
    ids=lambda value: value["event"] if isinstance(value, dict) else "",
)
def test_each_event_becomes_its_change(
    sent: dict[str, Any], change: AnyReportedChange, urgent: bool
) -> None:
    assert change_of(sent) == change
    assert is_urgent(change) is urgent


@pytest.mark.parametrize(
    "sent",
    [
        {"event": "connection.activated", "data": [1]},
        {"event": "", "data": None},
        {"event": "dsync.new"},
        event("user.created", {"object": "user", "id": "user_01"}),
        event("dsync.new", {"directory_id": 7}),
        event("dsync.new", {"directory_id": "d\0"}),
        event("dsync.new", directory(), id=""),
        event("dsync.new", directory(), created_at="yesterday"),
    ],
)
def test_an_unknown_event_that_names_no_directory_means_nothing(sent: dict[str, Any]) -> None:
    assert translation.read(events.body_of(sent)) == translation.Ignored(sent["event"])


def test_the_type_of_an_unknown_event_is_cut() -> None:
    noted = change_of(event("dsync.\0" + "x" * 2_000, directory()))
    assert isinstance(noted, DirectoryNoted)
    assert noted.detail == "dsync." + "x" * (limits.TEXT_LENGTH - len("dsync."))


@pytest.mark.parametrize(
    ("state", "connected"),
    [
        ("active", True),
        ("linked", True),
        ("validating", True),
        (None, True),
        (7, True),
        ("invalid_credentials", False),
        ("inactive", False),
        ("unlinked", False),
        ("deleting", False),
        ("a state of the future", False),
    ],
)
def test_an_activated_directory_is_connected_unless_its_state_says_otherwise(
    state: object, connected: bool
) -> None:
    change = change_of(event("dsync.activated", directory(state=state)))
    assert change == DirectoryStateReported(connected=connected, **COMMON)


@pytest.mark.parametrize("suffix", [None, "", 7, "a1b2", "a whole token that ends in a1b2"])
def test_of_a_token_no_more_than_its_end_is_told(suffix: object) -> None:
    noted = change_of(event("dsync.token.created", token(token_suffix=suffix)))
    assert isinstance(noted, DirectoryNoted)
    assert noted.detail == ("a1b2" if str(suffix).endswith("a1b2") else "?")


REQUIRED = {"id", "directory_id", "state"}


@pytest.mark.parametrize("missing", sorted(user().keys() - REQUIRED))
@pytest.mark.parametrize("how", ["left out", "null"])
def test_a_user_without_an_optional_field_is_genuine(missing: str, how: str) -> None:
    data = user()
    del data[missing]
    change_of(event("dsync.user.created", data if how == "left out" else {**data, missing: None}))


def test_the_least_that_each_event_can_hold() -> None:
    bare_user = {"id": USER_ID, "directory_id": DIRECTORY, "state": "active"}
    bare_group = {"id": GROUP_ID, "directory_id": DIRECTORY}
    ends = {"directory_id": DIRECTORY, "user": {"id": USER_ID}, "group": {"id": GROUP_ID}}
    envelope = {"id": EVENT_ID, "created_at": events.CREATED_AT}

    change = change_of({"event": "dsync.user.created", "data": bare_user, **envelope})
    nobody = ReportedUser(user_id=USER_ID, idp_id=USER_ID, active=True)
    assert change == UserReported(user=nobody, **COMMON)
    change = change_of({"event": "dsync.group.created", "data": bare_group, **envelope})
    assert change == GroupReported(group_id=GROUP_ID, name=GROUP_ID, **COMMON)
    change = change_of({"event": "dsync.group.user_removed", "data": ends, **envelope})
    assert change == MembershipRemoved(group_id=GROUP_ID, user_id=USER_ID, **COMMON)
    change = change_of({"event": "dsync.deleted", "data": {"id": DIRECTORY}, **envelope})
    assert change == DirectoryDeleted(**COMMON)


@pytest.mark.parametrize("state", ["inactive", "suspended", "deleted", "ACTIVE", ""])
def test_only_active_is_active(state: str) -> None:
    assert not reported(state=state).active


def test_the_email_is_the_primary_one_where_none_is_named() -> None:
    emails = [{"value": "b@example.com"}, {"primary": True, "value": "p@example.com"}]
    assert reported(email=None, emails=emails).email == "p@example.com"
    assert reported(email="", emails=emails).email == "p@example.com"
    assert reported(email="e@example.com", emails=emails).email == "e@example.com"
    assert reported(email=None, emails=emails[:1]).email == "b@example.com"
    assert len(reported(email="ü" * 1_000).email or "") == limits.EMAIL_LENGTH


def test_without_an_id_of_the_idp_the_directory_user_is_the_person() -> None:
    assert reported(idp_id=None).idp_id == USER_ID
    assert reported(idp_id="").idp_id == USER_ID


def test_an_id_of_the_idp_that_no_key_can_hold_goes_by_its_hash() -> None:
    long, nul = reported(idp_id="i" * 256).idp_id, reported(idp_id="i\0").idp_id
    assert long.startswith("sha256:")
    assert len({long, nul, reported(idp_id="i" * 257).idp_id}) == 3
    assert reported(idp_id=2836).idp_id == "2836"
    named = change_of(event("dsync.group.created", group(name="g" * 300, idp_id="g" * 300)))
    assert isinstance(named, GroupReported)
    assert named.name == "g" * 300


@pytest.mark.parametrize(
    "field",
    [
        {"first_name": ["Ada"]},
        {"custom_attributes": "none"},
        {"emails": [None]},
        {"username": 7},
        {"raw_attributes": {"bio": "\ud83d"}},
    ],
)
def test_a_field_that_nobody_needs_holds_up_no_departure(field: dict[str, Any]) -> None:
    gone = change_of(event("dsync.user.updated", user(state="inactive", **field)))
    assert is_urgent(gone)
    assert is_urgent(change_of(event("dsync.user.deleted", user(**field))))


def test_only_allowed_single_attributes_go_on() -> None:
    sent = {
        "job_title": "Countess",
        "department_name": "Engines",
        "division_name": None,
        "cost_center_name": {"nested": "no"},
        "employee_number": 1815,
        "employee_type": True,
        "organization": ["no"],
        "manager_email": "c@example.com",
        "employment_start_date": "1833-06-05",
        "username": "countess",
        "password": "hunter2",
        "ssn": "078-05-1120",
    }
    person = reported(custom_attributes=sent, username=None)
    assert person.attributes == {
        "title": "Countess",
        "department": "Engines",
        "employee_number": 1815,
        "employee_type": True,
        "manager_email": "c@example.com",
        "employment_start_date": "1833-06-05",
    }
    assert person.user_name == "countess"


def test_nothing_but_what_is_kept_reaches_kafka() -> None:
    written = codec.encode(change_of(event("dsync.user.created", user())))
    for dropped in (b"hunter2", b"green", b"role", b"client_01", b"org_01"):
        assert dropped not in written


def test_texts_lose_nul_and_their_excess() -> None:
    person = reported(
        first_name="A\0da", last_name="\0", custom_attributes={"title": "\0x" * 2_000}
    )
    assert (person.first_name, person.last_name) == ("Ada", None)
    assert person.attributes["title"] == "x" * limits.TEXT_LENGTH


def test_numbers_that_readers_disagree_about_do_not_go_on() -> None:
    sent = {"employee_number": 10**30, "employee_type": 2**53, "organization": 1.5}
    assert reported(custom_attributes=sent).attributes == {
        "title": "Analyst",
        "employee_type": 2**53,
        "organization": 1.5,
    }


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2023-04-28T20:05:31.093Z", datetime(2023, 4, 28, 20, 5, 31, 93_000, UTC)),
        ("2023-04-28 20:05:31.093", datetime(2023, 4, 28, 20, 5, 31, 93_000, UTC)),
        ("2023-04-28T20:05:31Z", datetime(2023, 4, 28, 20, 5, 31, 0, UTC)),
        ("2023-04-28T22:05:31+02:00", datetime(2023, 4, 28, 20, 5, 31, 0, UTC)),
    ],
)
def test_both_forms_of_a_time_are_read(sent: str, moment: datetime) -> None:
    stamp = change_of(event("dsync.user.deleted", user(), created_at=sent)).stamp
    assert stamp.at == moment
    assert stamp.at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "sent",
    [
        event("dsync.user.created", user(), id=""),
        event("dsync.user.created", user(), id="event\0"),
        event("dsync.user.created", user(), id=7),
        event("dsync.user.created", user(), created_at=""),
        event("dsync.user.created", user(), created_at="yesterday"),
        event("dsync.user.created", user(), created_at=1_624_648_053),
        event("dsync.user.created", user(), created_at="0001-01-01T00:00:00+23:59"),
        event("dsync.user.created", None),
        event("dsync.user.created", "user"),
        event("dsync.user.created", [user()]),
        event("dsync.user.created", {}),
        event("dsync.user.created", user(id=None)),
        event("dsync.user.created", user(id=12)),
        event("dsync.user.created", user(id="")),
        event("dsync.user.created", user(id="u\0")),
        event("dsync.user.created", user(id="u" * 256)),
        event("dsync.user.created", user(directory_id=None)),
        event("dsync.user.created", user(directory_id="d\0")),
        event("dsync.user.created", {k: v for k, v in user().items() if k != "state"}),
        event("dsync.group.deleted", group(id="")),
        event("dsync.deleted", directory(id=None)),
        event("dsync.activated", directory(id="d\0")),
        event("dsync.token.created", token(directory_id="")),
        event("dsync.group.user_added", membership(user=None)),
        event("dsync.group.user_added", membership(group={"name": "Developers"})),
        event("dsync.group.user_added", membership(user={"id": "u\0"})),
        {"data": user()},
    ],
)
def test_what_workos_never_sends_is_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(InvalidEventError):
        change_of(sent)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b'{"event": "dsync.user.created", "data": {"ignored": "\xff"}}',
        b'{"event": "dsync.user.created"} {}',
        b'{"event": "x", "data": NaN}',
        b'{"event": "x", "data": Infinity}',
        b'{"event": "x", "data": ' + b"[" * 40 + b"]" * 40 + b"}",
        b"[" * 500_000,
        b'"\\' * 250_000,
        b'"[' * 250_000,
    ],
)
def test_what_is_no_json_of_reasonable_depth_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEventError) as refused:
        translation.read(body)
    assert len(str(refused.value)) < 200


def test_brackets_in_texts_are_no_depth() -> None:
    name = '[{"\\' * 50
    change = change_of(event("dsync.group.created", group(name=name)))
    assert isinstance(change, GroupReported)
    assert change.name == name
