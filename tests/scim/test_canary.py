"""Private numbers and passwords stay at the door: nowhere behind it is any of them (DESIGN §6)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from deploy.simulate import workos
from schemas.names import is_redacted
from schemas.read_models import metadata
from schemas.topics import TOPICS
from tests.harness import World, committed
from tests.scim.idp import ENTERPRISE, Admin, Idp, replaces, user
from tests.waiting import eventually

SSN, CARD, IBAN = "536-22-8726", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"
PASSWORD = "correct-horse-battery-7531"
VALUES = (SSN, CARD, IBAN, PASSWORD)
CANARIES = [form.encode() for value in VALUES for form in {value, value.replace(" ", "")}]
CANARIES += [b"536228726"]


def test_no_value_passes_the_scim_door(idp: Idp, rollcall: World) -> None:
    made = idp.post_user(
        "ann",
        title=f"SSN {SSN}",
        nickName=CARD,
        password=PASSWORD,
        addresses=[{"type": "home", "streetAddress": IBAN, "locality": "Berlin"}],
        **{ENTERPRISE: {"department": "Design", "employeeNumber": SSN}},
    )
    assert made.status_code == 201, made.text
    ann = made.json()
    assert not {"title", "nickName", "password"} & ann.keys(), "a hashed value is left out"
    assert ann["addresses"] == [{"type": "home", "locality": "Berlin"}]
    assert ann[ENTERPRISE] == {"department": "Design"}
    place = f"Users/{ann['id']}"
    again = idp.patch(place, replaces("title", f"SSN {SSN}"), replaces("nickName", CARD))
    assert again.json()["meta"] == ann["meta"], "compared by their hashes, they are the same"
    changed = idp.patch(place, replaces("displayName", f"Ann {CARD}"), replaces("title", "Lead"))
    assert (changed.json()["title"], changed.json().get("displayName")) == ("Lead", None)
    idp.found(f'nickName eq "{CARD}"')
    idp.http.put(place, json=user("ann", title=IBAN, password=PASSWORD))
    idp.http.post("Users", content=json.dumps(user("bo", password=PASSWORD)).encode()[:-1])

    def told() -> list[str]:
        return [each for each in idp.admin.sentences() if "replaced by its hash" in each]

    eventually(lambda: len(told()) == 3, 30)
    assert "nickName" in told()[0]
    assert f"{ENTERPRISE}.employeeNumber" in told()[0]
    _nowhere(rollcall)


def test_a_tenant_may_keep_what_looks_like_a_number(idp: Idp, rollcall: World) -> None:
    del rollcall
    number = "5500 0000 0000 0004"
    idp.admin.put("/policy", kept_as_sent=[f"{ENTERPRISE}.costCenter"])
    with idp.admin.idp() as other:
        made = other.post_user("ann", nickName=number, **{ENTERPRISE: {"costCenter": number}})
        assert made.json()[ENTERPRISE] == {"costCenter": number}
        assert "nickName" not in made.json()


def test_no_value_passes_the_webhook(admin: Admin, rollcall: World) -> None:
    directory = f"directory_{admin.tenant_id}"
    admin.post("/directories", directory_id=directory, name="Okta", provider="okta")
    event = {
        "id": f"event_{admin.tenant_id}",
        "event": "dsync.user.created",
        "created_at": "2026-11-28T10:00:00.000Z",
        "data": {
            "id": f"user_{admin.tenant_id}",
            "directory_id": directory,
            "idp_id": "00u1",
            "state": "active",
            "email": "ann@acme.example",
            "first_name": "Ann",
            "last_name": f"Lee {CARD}",
            "custom_attributes": {"job_title": SSN, "department_name": "Design"},
        },
    }
    body = json.dumps(event).encode()
    secret = rollcall.settings.workos_webhook_secrets[0]
    headers = {"WorkOS-Signature": workos.sign(body, secret, datetime.now(UTC))}
    answer = admin.http.post("/api/webhooks/workos", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    found = eventually(lambda: admin.get("/members")["members"], 30)
    assert found[0]["display_name"] == "Ann"
    (row,) = rollcall.rows("SELECT * FROM member WHERE tenant_id = %s", admin.tenant_id)
    assert row["attributes"] == {"department": "Design"}, "the product gets no hashes"
    (stored,) = rollcall.rows("SELECT * FROM directory_user WHERE tenant_id = %s", admin.tenant_id)
    assert is_redacted(stored["attributes"]["title"])
    eventually(lambda: [s for s in admin.sentences() if "last_name, title" in s], 30)
    _nowhere(rollcall)


def _nowhere(rollcall: World) -> None:
    """No topic, table, log or state store holds any of the values."""
    for place, held in _everything(rollcall):
        for canary in CANARIES:
            assert canary not in held, place


def _everything(rollcall: World) -> Iterator[tuple[str, bytes]]:
    files = [each for each in rollcall.folder.rglob("*") if each.is_file()]
    assert any(each.suffix == ".log" for each in files)
    assert any("state" in each.parts for each in files)
    for file in files:
        yield str(file), file.read_bytes()
    kafka = rollcall.settings.require_kafka()
    for topic in TOPICS:
        for message in committed(kafka, rollcall.settings.topic(topic.name)):
            headers = str(message.headers()).encode()
            yield topic.name, (message.key() or b"") + (message.value() or b"") + headers
    for table in metadata.tables:
        for row in rollcall.rows(f'SELECT t::text AS whole FROM "{table}" AS t'):
            yield table, row["whole"].encode()


@pytest.mark.parametrize("value", [each.decode() for each in CANARIES])
def test_the_search_would_find_them(value: str, rollcall: World) -> None:
    (rollcall.folder / "canary.log").write_text(f"x{value}x")
    with pytest.raises(AssertionError, match=r"canary\.log"):
        _nowhere(rollcall)
    (rollcall.folder / "canary.log").unlink()
