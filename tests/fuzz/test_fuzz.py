"""Whatever is sent, the door answers in time, in SCIM's form and without a failure of its own."""

import secrets
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.fuzz import garbled
from tests.scim.idp import USER, Idp
from tests.scim.test_users import ERROR

EXPLORES = settings.get_current_profile_name() == "fuzz"
fuzzed = settings.get_profile("fuzz" if EXPLORES else "sampled")
TIMEOUT = 60
"""Seconds that Okta and Entra wait for an answer (idp-facts §4.1)."""
ANSWERS = {200, 201, 204, 304, 400, 403, 404, 405, 409, 412, 413, 415, 501}
KINDS = {
    *("invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath"),
    *("noTarget", "invalidValue", "invalidVers", "sensitive", "invalidCursor", None),
}
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"])


@pytest.fixture
def fill(idp: Idp) -> Callable[[str], str]:
    """Puts a real id where one is to stand, and a new name where a new one is."""
    ann = idp.user("ann")
    idp.group("Design", ann)

    def filled(text: str) -> str:
        return text.replace(garbled.ID, ann).replace("{new}", secrets.token_hex(4))

    return filled


def answer(idp: Idp, method: str, path: str, **request: Any) -> httpx2.Response:
    """What a request gets; it is one of SCIM's answers."""
    response = idp.http.request(method, path, timeout=TIMEOUT, **request)
    event(f"{method} {response.status_code}")
    assert response.status_code in ANSWERS, (response.status_code, response.text)
    if response.status_code >= 400:
        assert response.headers["content-type"].startswith("application/scim+json")
        is_error(response.json(), response.status_code)
    return response


def is_error(body: Any, status: int) -> None:
    """Whether it is an error as RFC 7644 §3.12 has it."""
    assert body["schemas"] == [ERROR]
    assert body["status"] == str(status)
    assert body.get("scimType") in KINDS
    assert isinstance(body["detail"], str)
    assert body["detail"]


@fuzzed
@given(person=garbled.people)
@example(person={"schemas": [USER, "urn:x:y"], "userName": "{new}"})  # came back, then was gone
@example(person={"schemas": [USER], "userName": "{new}", "externalId": "\u202e"})  # so did this
def test_people(idp: Idp, fill: Callable[[str], str], person: Any) -> None:
    made = answer(idp, "POST", "Users", content=garbled.content(person, fill))
    answer(idp, "PUT", fill("Users/{id}"), content=garbled.content(person, fill))
    if made.status_code == 201:
        place = made.headers["location"]
        assert idp.http.get(place).json() == made.json(), "it is read as it was answered"


@fuzzed
@given(team=garbled.teams)
def test_groups(idp: Idp, fill: Callable[[str], str], team: Any) -> None:
    answer(idp, "POST", "Groups", content=garbled.content(team, fill))


@fuzzed
@given(patch=garbled.patches, endpoint=st.sampled_from(["Users", "Groups"]))
def test_patches(idp: Idp, fill: Callable[[str], str], patch: Any, endpoint: str) -> None:
    place = fill("Users/{id}")
    if endpoint == "Groups":
        place = f"Groups/{idp.found('displayName pr', 'Groups')[0]['id']}"
    answer(idp, "PATCH", place, content=garbled.content(patch, fill))


@fuzzed
@given(bulk=garbled.bulks)
def test_bulk_requests(idp: Idp, fill: Callable[[str], str], bulk: Any) -> None:
    response = answer(idp, "POST", "Bulk", content=garbled.content(bulk, fill))
    if response.status_code == 200:
        for operation in response.json().get("Operations", []):
            event(f"{operation.get('method')} in Bulk {operation['status']}")
            assert int(operation["status"]) in ANSWERS, operation
            if int(operation["status"]) >= 400:
                is_error(operation["response"], int(operation["status"]))


@fuzzed
@given(search=garbled.searches, where=st.sampled_from(["Users/", "Groups/", ""]))
def test_searches(idp: Idp, fill: Callable[[str], str], search: Any, where: str) -> None:
    answer(idp, "POST", f"{where}.search", content=garbled.content(search, fill))


@fuzzed
@given(method=METHODS, body=garbled.trees | st.binary(max_size=50), where=st.data())
def test_bodies_of_any_kind(
    idp: Idp, fill: Callable[[str], str], method: str, body: Any, where: st.DataObject
) -> None:
    places = ["Users", "Groups", "Bulk", ".search", fill("Users/{id}"), "Schemas", "Me"]
    place = where.draw(st.sampled_from(places[:4] if method == "DELETE" else places))
    sent = body if isinstance(body, bytes) else garbled.content(body, fill)
    answer(idp, method, place, content=sent)


@fuzzed
@given(method=METHODS, target=garbled.targets)
def test_urls(idp: Idp, fill: Callable[[str], str], method: str, target: str) -> None:
    """As they stand on the wire; outside of /scim the answer is not SCIM's."""
    request = idp.http.build_request(method, "", timeout=TIMEOUT)
    request.extensions["target"] = fill(target).encode()
    response = idp.http.send(request)
    assert response.status_code in ANSWERS | {401}, (response.status_code, response.text)
    assert "x" not in response.headers


@fuzzed
@given(method=st.sampled_from(["GET", "PUT", "PATCH"]), headers=garbled.headers)
def test_headers(
    idp: Idp, fill: Callable[[str], str], method: str, headers: dict[str, str]
) -> None:
    body = garbled.content({"schemas": [], "userName": "{new}"}, fill)
    response = idp.http.request(
        method, fill("Users/{id}"), headers=headers, content=body, timeout=TIMEOUT
    )
    assert response.status_code in ANSWERS | {401}, (response.status_code, response.text)
    if response.status_code >= 400:
        is_error(response.json(), response.status_code)
