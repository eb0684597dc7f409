"""Which values are hidden at the door, by what, and that nothing else changes."""

import copy
import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.redaction import PREFIX, Redaction, Redactor, is_redacted

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
OWN = "urn:acme:params:scim:schemas:hr:1.0:User"
CARD = "4111 1111 1111 1111"
REDACTOR = Redactor("a key of this test")
searched = settings(derandomize=True, database=None, max_examples=200, deadline=None)


def redacted(document: dict[str, Any], *kept: str, tenant: str = "acme") -> Redaction:
    return REDACTOR.redacted(tenant, document, kept_as_sent=kept)


def hidden(value: object, *, name: str = "title", tenant: str = "acme") -> str:
    """What stands for the value of an attribute, which must be hidden."""
    redaction = redacted({name: value}, tenant=tenant)
    assert redaction.found == (name,), value
    replacement = redaction.value[name]
    assert is_redacted(replacement)
    return str(replacement)


def assert_kept(value: object, *, name: str = "title") -> None:
    assert redacted({name: value}) == ({name: value}, ())


def test_a_type_or_an_outer_name_tells_too() -> None:
    sent: dict[str, Any] = {
        "identities": [{"type": "ssn", "value": "123456789"}, {"value": "123456789"}]
    }
    value, found = redacted(sent)
    assert found == ("identities.value",)
    assert value["identities"][1] == {"value": "123456789"}
    assert redacted({"passport": {"number": {"text": "C01X00T47"}}}).found == (
        "passport.number.text",
    )
    assert_kept({"urn:x:ssn": {"level": 123456}, "urn:x:hr:Type": {"a": "b"}})


def test_a_number_has_one_hash_wherever_it_stands() -> None:
    written = (CARD, "4111-1111-1111-1111", f"card {CARD} of Ada", 4111111111111111)
    assert len({hidden(card) for card in written}) == 1
    assert hidden(CARD, name="department") == hidden(CARD)
    ssn = ("123456789", "123-45-6789", 123456789, 123456789.0)
    assert {hidden(number, name="ssn") for number in ssn} == {hidden("SSN: 123-45-6789, call me")}


def test_another_number_tenant_or_key_gives_another_hash() -> None:
    assert hidden("536-90-4399") != hidden("536-90-4390")
    assert hidden("536-90-4399, 536-90-4390") != hidden("536-90-4399, 536-90-4391")
    assert hidden(CARD) != hidden(CARD, tenant="other")
    other = Redactor("another key").redacted("acme", {"title": CARD}, kept_as_sent=())
    assert other.value["title"] != hidden(CARD)


def test_what_was_hidden_here_may_come_back() -> None:
    known = hidden(CARD)
    assert_kept(known)
    assert_kept([known, "x"])


def test_nobody_passes_off_a_hash_that_is_not_ours() -> None:
    known = hidden(CARD)
    wrong_seal = known[:-1] + ("0" if known[-1] != "0" else "1")
    wrong_hash = known[:9] + ("0" if known[9] != "0" else "1") + known[10:]
    forged = [
        PREFIX + "0" * 40,
        wrong_seal,
        wrong_hash,
        hidden(CARD, tenant="other"),
        known + "\n",
        known.replace(PREFIX, PREFIX * 2),
        PREFIX + "4111111111111111",
        f"{PREFIX} see HR",
        f"{PREFIX}\ud800",
    ]
    replaced = {hidden(value) for value in forged}
    assert len(replaced) == len(forged)
    assert replaced.isdisjoint({*forged, known})


def test_only_the_form_of_a_replacement_is_one() -> None:
    assert is_redacted(hidden(CARD))
    for value in (PREFIX, PREFIX + "0" * 39, PREFIX + "G" * 40, PREFIX + "0" * 41, 1, None):
        assert not is_redacted(value)


IDENTITY: dict[str, Any] = {
    "schemas": [CARD],
    "id": CARD,
    "externalId": CARD,
    "userName": CARD,
    "user_name": CARD,
    "USERNAME": CARD,
    "email": CARD,
    "manager_email": CARD,
    "active": CARD,
    "meta": {"location": CARD},
    "members": [{"value": CARD, "display": CARD, "$ref": CARD, "type": "User"}],
    "groups": [{"value": CARD}],
    "emails": [{"value": CARD, "type": "work", "primary": True}],
    ENTERPRISE: {"manager": {"value": CARD, "$ref": CARD}},
}


def test_identity_is_never_touched() -> None:
    assert redacted(IDENTITY) == (IDENTITY, ())
    others = {
        OWN: {"id": CARD, "email": CARD, "members": [CARD], "manager": CARD, "type": CARD},
        "emails": [{"display": CARD, "type": CARD}],
    }
    found = {f"{OWN}.{name}" for name in others[OWN]} | {"emails.display", "emails.type"}
    assert set(redacted(others).found) == found


USER: dict[str, Any] = {
    "schemas": [CORE, ENTERPRISE],
    "userName": "ada@acme.example",
    "name": {"givenName": "Ada", "familyName": CARD},
    "addresses": [
        {"type": "home", "streetAddress": CARD},
        {"type": "work", "streetAddress": "12 Byron Street"},
        {"type": "other", "streetAddress": "536-90-4399"},
    ],
    "phoneNumbers": [{"value": "+44 20 7946 0958"}],
    "nickName": None,
    "active": True,
    ENTERPRISE: {"employeeNumber": "536-90-4399", "department": "Engines", "costCenter": 4711},
    OWN: {"Deep": [[{"code": 4111111111111111}, "x"]]},
}
FOUND = (
    "addresses.streetAddress",
    "name.familyName",
    f"{OWN}.Deep.code",
    f"{ENTERPRISE}.employeeNumber",
)


def test_a_resource_keeps_all_but_what_is_hidden() -> None:
    before = copy.deepcopy(USER)
    value, found = redacted(USER)
    assert before == USER
    assert found == FOUND
    expected = copy.deepcopy(USER)
    expected["name"]["familyName"] = expected["addresses"][0]["streetAddress"] = hidden(CARD)
    expected[OWN]["Deep"][0][0]["code"] = hidden(CARD)
    expected["addresses"][2]["streetAddress"] = hidden("536-90-4399")
    expected[ENTERPRISE]["employeeNumber"] = hidden("536-90-4399")
    assert json.dumps(value) == json.dumps(expected)  # in this order
    assert redacted(value) == (value, ())


@pytest.mark.parametrize(
    ("kept", "gone"),
    [
        ("name.familyName", {"name.familyName"}),
        ("NAME.FAMILY_NAME", {"name.familyName"}),
        ("addresses", {"addresses.streetAddress"}),
        (f"{ENTERPRISE}.employeeNumber", {f"{ENTERPRISE}.employeeNumber"}),
        (f"{ENTERPRISE.upper()}:employee_number", {f"{ENTERPRISE}.employeeNumber"}),
        (OWN, {f"{OWN}.Deep.code"}),
        ("employeeNumber", set()),
        ("familyName", set()),
    ],
)
def test_a_tenant_exempts_attributes(kept: str, gone: set[str]) -> None:
    value, found = redacted(USER, kept, "nothing")
    assert set(found) == set(FOUND) - gone
    assert redacted({"employee_number": CARD}, "employeeNumber").found == ()
    assert is_redacted(value["name"]["familyName"]) == ("name.familyName" not in gone)


def test_numbers_that_are_none_pass() -> None:
    for value in (10**5_000, -(10**5_000), 1e300, float("inf"), True, 0, -1, 0.1):
        assert_kept(value)
        assert_kept(value, name="ssn")
    hidden(-4111111111111111)


PRIVATE = [CARD, "DE89 3704 0044 0532 0130 00", "536-90-4399", "AB123456C", "131052-308T"]
secrets = st.sampled_from(PRIVATE)
words = st.text(string.ascii_letters + " äß,", max_size=12)
leaves = st.one_of(
    words, st.booleans(), st.none(), st.integers(), st.floats(allow_nan=False), secrets
)
documents = st.dictionaries(
    st.text(string.ascii_letters, max_size=6).map("x{}".format),
    st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["value", "display", "x"]), inner, max_size=3),
        ),
        max_leaves=8,
    ),
    max_size=5,
)


@searched
@given(documents)
def test_a_document_is_hidden_once_and_for_all(document: dict[str, Any]) -> None:
    value, found = redacted(document)
    assert redacted(value) == (value, ())
    assert (value == document) == (found == ())
    assert list(found) == sorted(set(found))
    assert skeleton(value) == skeleton(document)
    assert not any(f'"{secret}"' in json.dumps(value) for secret in PRIVATE)


def skeleton(value: Any) -> Any:
    """Names, order and nesting; of single values nothing."""
    if isinstance(value, dict):
        return [(name, skeleton(inner)) for name, inner in value.items()]
    return list(map(skeleton, value)) if isinstance(value, list) else None


@searched
@given(secrets, words, words)
def test_a_hidden_number_does_not_show(number: str, before: str, after: str) -> None:
    value, found = redacted({"title": f"{before} ({number}) {after}"})
    assert found == ("title",)
    assert number not in json.dumps([value, found])
