"""Golden payloads: what stands in a log today must be readable for as long as it stands there."""

import typing
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from schemas import changes, codec, entities, origin
from schemas.codec import InvalidMessageError
from schemas.envelope import header
from schemas.state import State
from tests.schemas import examples

FOLDER = Path(__file__).parent.parent / "golden" / "messages"
MESSAGES = examples.messages()
RECORDS = examples.records()
NAMES = sorted(MESSAGES | RECORDS)
CHANGE = codec.encode(MESSAGES["rollcall.create_tenant.v1"])


def pretty(payload: bytes) -> bytes:
    return msgspec.json.format(payload, indent=2) + b"\n"


def golden(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes()


def decoded(name: str) -> examples.Message | State:
    """Through the codec's own doors."""
    payload = golden(name)
    if name in RECORDS:
        return codec.decode_record(payload, type(RECORDS[name]))
    message = MESSAGES[name]
    if isinstance(message, origin.Change):
        return codec.decode_inbound(b"acme", payload)
    return codec.decode_output(codec.topic_of(message), b"acme", payload)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_the_golden_payload(name: str, rewrites_golden: bool) -> None:
    written = pretty(codec.encode((MESSAGES | RECORDS)[name]))
    if rewrites_golden:
        (FOLDER / f"{name}.json").write_bytes(written)
    assert golden(name) == written, "if it is meant: pytest tests/schemas --rewrite-golden"


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_payload_decodes_and_encodes_to_itself(name: str) -> None:
    assert pretty(codec.encode(decoded(name))) == golden(name)
    assert decoded(name) == (MESSAGES | RECORDS)[name]


def test_each_type_has_one_golden_payload() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_leaves_no_field_at_its_default(name: str) -> None:
    example = (MESSAGES | RECORDS)[name]
    for field in msgspec.structs.fields(type(example)):
        if typing.get_args(field.type) != (field.default,):  # a literal of one value so far
            assert getattr(example, field.name) != field.default, field.name


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_travels_as_a_cloud_event(name: str) -> None:
    message = MESSAGES[name]
    if isinstance(message, origin.Change):
        envelope = codec.envelope_of_change(message, "rollcall/ingest")
        assert envelope.id == message.change_id
    else:
        envelope = codec.envelope_of_output(message)
        assert envelope.id == message.event_id
    headers = envelope.headers()
    assert header(headers, "ce_specversion") == "1.0"
    assert header(headers, "ce_type") == name
    assert header(headers, "ce_subject") == entities.entity_of(message)
    assert header(headers, "ce_time") == "2026-07-01T09:30:00.125000+00:00"


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (b"acme", None, "does not decode"),
        (b"acme", b"\xff", "does not decode"),
        (b"acme", b"{}", "does not decode"),
        (b"acme", b'{"type":"user_renamed"}', "does not decode"),
        (b"acme", codec.encode(MESSAGES["rollcall.audit_entry.v1"]), "does not decode"),
        (None, CHANGE, "its key is not its tenant id"),
        (b"bolt", CHANGE, "its key is not its tenant id"),
    ],
    ids=["none", "bytes", "empty", "unknown type", "an event", "no key", "another tenant's key"],
)
def test_what_is_no_change_is_refused(key: bytes | None, value: bytes | None, why: str) -> None:
    with pytest.raises(InvalidMessageError, match=why):
        codec.decode_change(key, value)


def test_deactivations_deletions_and_removals_are_urgent() -> None:
    made = [message for message in MESSAGES.values() if isinstance(message, origin.Change)]
    urgent = {type(change).__name__ for change in made if changes.is_urgent(change)}
    assert urgent == {
        "UserDeleted",
        "GroupDeleted",
        "MembershipRemoved",
        "DirectoryDeleted",
        "DisconnectDirectory",
        "RemoveProductMember",
        "RevokeToken",
        "SetProductMember",  # the example suspends
        "ScimUserChanged",  # the example deactivates
        "ScimUserDeleted",
        "ScimGroupDeleted",
        "ScimMembersChanged",  # the example removes
    }
    report = next(change for change in made if isinstance(change, changes.UserReported))
    assert changes.is_urgent(replace(report, user=replace(report.user, active=False)))
