import hashlib
from itertools import product

import pytest
from prometheus_client import REGISTRY

from ingest.unassigned import UNASSIGNED
from ingest.workos.webhook import SOURCE
from schemas import codec, limits, topics
from schemas.changes import DirectoryNoted, is_urgent
from schemas.entities import entity_of
from schemas.envelope import header
from schemas.letters import DeadLetter
from schemas.partitions import partition_of
from tests.ingest import events, rows
from tests.ingest.conftest import Door, Opening
from tests.ingest.events import DIRECTORY, directory, event, group, membership, token, user

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
URL = "/api/webhooks/workos"


def counted(why: str | None = None) -> float:
    """Webhooks that were refused for a reason, or ignored."""
    name = "rollcall_webhooks_ignored_total" if why is None else "rollcall_webhooks_refused_total"
    return REGISTRY.get_sample_value(name, {} if why is None else {"why": why}) or 0.0


def test_200_means_that_the_change_is_on_its_lane(kafka_door: Door) -> None:
    kafka_door.http.headers["traceparent"] = TRACE
    joined = kafka_door.post_event(event("dsync.group.user_added", membership(), id="event_1"))
    left = user(state="inactive")
    gone = kafka_door.post_event(event("dsync.user.updated", left, id="event_2"))

    for answer in (joined, gone):
        assert (answer.status_code, answer.json()) == (200, {"status": "accepted"})
    (normal,) = kafka_door.messages(topics.CHANGES)
    (urgent,) = kafka_door.messages(topics.URGENT)
    for message, event_id in ((normal, "event_1"), (urgent, "event_2")):
        change = codec.decode_change(message.key(), message.value())
        assert change.tenant_id == "acme"
        assert change.stamp.event_id == event_id  # type: ignore[union-attr] # of a directory
        assert not change.reply
        assert message.partition() == partition_of("acme", kafka_door.installation.partitions)
        assert dict(message.headers() or ()) == {
            "ce_specversion": b"1.0",
            "ce_id": change.change_id.encode(),
            "ce_type": codec.type_of(change).encode(),
            "ce_source": SOURCE.encode(),
            "ce_time": change.recorded_at.isoformat().encode(),
            "ce_subject": entity_of(change).encode(),
            "content-type": b"application/json",
            "traceparent": TRACE.encode(),
        }


def test_a_repeated_delivery_is_the_same_change(kafka_door: Door) -> None:
    for trace in (TRACE, "garbage"):
        kafka_door.http.headers["traceparent"] = trace
        assert kafka_door.post_event(event("dsync.user.created", user())).is_success
    sent = [message.headers() for message in kafka_door.messages(topics.CHANGES)]
    first, second = (header(headers, "ce_id") for headers in sent)
    assert first == second
    assert [header(headers, "traceparent") for headers in sent] == [TRACE, None]


NOBODYS = {"directory_id": "directory_of_nobody"}
OF_NOBODY = (
    event("dsync.user.created", user(**NOBODYS), id="event_1"),
    event("dsync.user.deleted", user(**NOBODYS), id="event_2"),
    event("dsync.group.deleted", group(**NOBODYS), id="event_3"),
    event("dsync.group.user_removed", membership(**NOBODYS), id="event_4"),
    event("dsync.activated", directory(id="directory_of_nobody"), id="event_5"),
    event("dsync.deleted", directory(id="directory_of_nobody"), id="event_6"),
    event("dsync.token.revoked", token(**NOBODYS), id="event_7"),
)


def test_what_a_directory_without_a_tenant_says_waits_among_the_dead_letters(
    kafka_door: Door,
) -> None:
    for sent in OF_NOBODY:
        assert kafka_door.post_event(sent).is_success

    assert kafka_door.messages(topics.CHANGES) == kafka_door.messages(topics.URGENT) == []
    messages = kafka_door.messages(topics.DEAD_LETTERS)
    assert len(messages) == len(OF_NOBODY)
    for message, sent in zip(messages, OF_NOBODY, strict=True):
        letter = codec.decode_output(topics.DEAD_LETTERS.name, message.key(), message.value())
        assert isinstance(letter, DeadLetter)
        assert (letter.tenant_id, letter.reason) == (UNASSIGNED, "unknown_directory")
        assert (letter.partition, letter.offset) == (-1, -1)
        assert letter.value is not None
        change = codec.decode_change(letter.key, letter.value)
        assert change.stamp.event_id == sent["id"]  # type: ignore[union-attr] # of a directory
        assert change.change_id == header(letter.headers, "ce_id") == letter.cause
        assert letter.directory_id == "directory_of_nobody"
        assert letter.entity == entity_of(change)
        assert letter.removal is is_urgent(change)
        assert letter.topic == (topics.URGENT if letter.removal else topics.CHANGES).name
        assert letter.sha256 == hashlib.sha256(letter.value).hexdigest()
        assert header(message.headers(), "ce_id") == letter.event_id
        assert b"hunter2" not in letter.value

    # As soon as somebody owns it, its changes are theirs.
    kafka_door.write(*rows.directory("acme", "directory_of_nobody"))
    assert kafka_door.post_event(OF_NOBODY[0]).is_success
    assert len(kafka_door.messages(topics.CHANGES)) == 1


def test_an_unknown_event_is_accepted_counted_and_told_to_whom_it_is_about(
    kafka_door: Door,
) -> None:
    before = counted()
    for data in ({"directory_id": DIRECTORY}, NOBODYS, {"id": "user_1"}, [1]):
        answer = kafka_door.post_event(event("dsync.new", data))
        assert (answer.status_code, answer.json()) == (200, {"status": "accepted"})
    assert counted() - before == 4

    (message,) = kafka_door.messages(topics.CHANGES)
    noted = codec.decode_change(message.key(), message.value())
    assert isinstance(noted, DirectoryNoted)
    assert (noted.tenant_id, noted.note, noted.detail) == ("acme", "unknown_event", "dsync.new")
    assert kafka_door.messages(topics.DEAD_LETTERS) == []


def test_what_is_not_signed_is_refused_in_one_and_the_same_way(door: Door) -> None:
    body = events.body_of(event("dsync.user.created", user()))
    wrong = events.signed(body, "another-secret")
    garbage = events.signed(b"{", "another-secret")
    late = events.signed(body, door.settings.workos_webhook_secrets[0], at=1.7e9)
    before = counted("unsigned")
    answers = [
        door.http.post(URL, content=body),
        door.http.post(URL, content=b"{", headers={"WorkOS-Signature": garbage}),
        door.http.post(URL, content=body, headers={"WorkOS-Signature": wrong}),
        door.http.post(URL, content=body, headers={"WorkOS-Signature": late}),
        door.http.post(URL, content=body, headers={b"WorkOS-Signature": b"t=1, v1=\xe9"}),
        door.http.post(URL, content=body, headers=[("WorkOS-Signature", late)] * 2),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert counted("unsigned") - before == len(answers)


def test_what_is_signed_and_no_event_is_400_and_counted(door: Door) -> None:
    bodies = (
        b"{",
        b"\xff",
        b'{"event": "x", "data": ' + b"[" * 50 + b"]" * 50 + b"}",
        b'{"event": "x", "data": {"directory_id": "\xff"}}',
        b'{"event": 7}',
        b'{"event": "dsync.user.created", "data": {"email": "a@b.c"}}',
        events.body_of(event("dsync.user.created", user(id="u\0"))),
    )
    secrets = door.settings.workos_webhook_secrets
    before = counted("not_an_event")
    for body, secret in product(bodies, secrets):
        signature = {"WorkOS-Signature": events.signed(body, secret)}
        answer = door.http.post(URL, content=body, headers=signature)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_event")
        assert "a@b.c" not in answer.text
    assert counted("not_an_event") - before == len(bodies) * len(secrets)


def test_a_large_body_is_413_whatever_it_promises(door: Door) -> None:
    largest = b" " * limits.WEBHOOK_BODY
    before = counted("too_large")
    promised = door.http.post(URL, content=largest + b" ")
    streamed = door.http.post(URL, content=iter([largest, b" "]))
    for answer in (promised, streamed):
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
    assert counted("too_large") - before == 2
    assert door.http.post(URL, content=largest).status_code == 401


def test_without_a_secret_the_door_stays_shut_and_says_why(opened: Opening) -> None:
    door = opened(workos_webhook_secrets=())
    body = events.body_of(event("dsync.user.created", user()))
    signature = {"WorkOS-Signature": events.signed(body, "")}
    answer = door.http.post(URL, content=body, headers=signature)
    assert (answer.status_code, answer.json()["error"]) == (503, "not_configured")
    assert "ROLLCALL_WORKOS_WEBHOOK_SECRETS" in answer.json()["detail"]


def test_a_broker_that_does_not_confirm_is_503(
    opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DELIVERY_SECONDS", 1)
    door = opened(kafka="127.0.0.1:1")  # nobody listens there
    door.write(rows.tenant("acme"), *rows.directory("acme", DIRECTORY))
    answer = door.post_event(event("dsync.user.created", user()))
    assert (answer.status_code, answer.json()["error"]) == (503, "not_durable")
    assert answer.headers["Retry-After"] == str(limits.RETRY_AFTER_SECONDS)


def test_other_methods_and_urls_are_answered_in_the_same_shape(door: Door) -> None:
    wrong_method = door.http.get(URL)
    wrong_url = door.http.post("/webhooks/workos")
    wrong_noun = door.http.get("/api/nothing")
    assert (wrong_method.status_code, wrong_url.status_code) == (405, 404)
    for answer in (wrong_method, wrong_url, wrong_noun):
        assert answer.json().keys() == {"error", "detail"}
