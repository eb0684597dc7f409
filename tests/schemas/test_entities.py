"""What a message is about."""

from msgspec.structs import replace

from schemas import changes, codec, origin
from schemas.entities import entity_of, of_headers
from tests.schemas import examples

MESSAGES = examples.messages()


def test_each_message_is_about_something_that_fits_into_a_key() -> None:
    for message in MESSAGES.values():
        assert 0 < len(entity_of(message)) <= 500
        assert "\0" not in entity_of(message)


def test_changes_and_events_of_one_user_are_about_the_same() -> None:
    reported, deleted = MESSAGES["rollcall.user_reported.v1"], MESSAGES["rollcall.user_deleted.v1"]
    recorded = MESSAGES["rollcall.user_recorded.v1"]
    assert entity_of(reported) == entity_of(deleted) == entity_of(recorded)
    assert entity_of(reported) == "user/directory_01/directory_user_01"


def test_ids_cannot_be_made_to_look_like_others() -> None:
    deleted = MESSAGES["rollcall.user_deleted.v1"]
    assert isinstance(deleted, changes.UserDeleted)
    one = replace(deleted, directory_id="a/b", user_id="c")
    other = replace(deleted, directory_id="a", user_id="b/c")
    assert entity_of(one) != entity_of(other)


def test_long_ids_go_by_their_hash() -> None:
    deleted = MESSAGES["rollcall.user_deleted.v1"]
    assert isinstance(deleted, changes.UserDeleted)
    names = {entity_of(replace(deleted, user_id="ü" * 250 + end)) for end in "ab"}
    assert len(names) == 2
    assert all(len(name) < 100 for name in names)


def test_who_cannot_read_the_body_finds_the_entity_in_the_headers() -> None:
    for message in MESSAGES.values():
        envelope = (
            codec.envelope_of_change(message, "tests")
            if isinstance(message, origin.Change)
            else codec.envelope_of_output(message)
        )
        assert of_headers(envelope.headers(), "m") == entity_of(message)


def test_foreign_headers_name_no_entity_that_would_not_fit_into_a_key() -> None:
    for headers in ([], [("ce_subject", None)], [("ce_subject", b"x" * 501)]):
        assert of_headers(headers, "m") == "message/m"
    assert of_headers([("ce_subject", b"a\0\xff")], "m") == "a\ufffd\ufffd"
