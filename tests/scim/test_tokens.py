"""Who may use the SCIM door, and for how long (DESIGN §6)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx2
import pytest

from ingest.scim.tokens import new_token
from schemas import limits
from tests.clear import CLEAR
from tests.harness import World
from tests.ingest.conftest import serving
from tests.scim.idp import GROUP, Admin, Idp, user
from tests.waiting import eventually

FOUND = 200
REFUSED = 401
TRUST_SECONDS = 0.5


@pytest.fixture(scope="module")
def forgetful(rollcall: World) -> Iterator[httpx2.URL]:
    """A gateway that trusts its answers for less than five seconds, since tests wait for that."""
    settings = rollcall.settings.model_copy(update={"port": 0})
    with pytest.MonkeyPatch.context() as patch, serving(settings, rollcall.installation) as door:
        patch.setattr(limits, "TOKEN_CACHE_SECONDS", TRUST_SECONDS)
        yield door.http.base_url


@pytest.fixture
def idp(idp: Idp, forgetful: httpx2.URL) -> Iterator[Idp]:
    """The IdP at that gateway."""
    with idp.at(forgetful) as same:
        yield same


def status(idp: Idp, token: str) -> int:
    return idp.http.get("Users", headers={"Authorization": f"Bearer {token}"}).status_code


def why(idp: Idp, token: str) -> str:
    response = idp.http.get("Users", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == REFUSED
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="rollcall"'
    assert response.json()["status"] == "401"
    return str(response.json()["detail"])


def test_a_token_is_rotated_with_overlap_and_revoked(idp: Idp) -> None:
    tokens = f"/directories/{idp.directory_id}/tokens"
    (first,) = idp.admin.get(tokens)["tokens"]
    second = idp.admin.post(tokens)
    assert status(idp, second["token"]) == FOUND
    assert idp.http.get("Users").status_code == FOUND, "the first one is good as well"
    third = idp.admin.http.post(f"{idp.admin.path}{tokens}", json={})
    assert (third.status_code, third.json()["error"]) == (409, "too_many_tokens")
    revoked = idp.admin.delete(f"{tokens}/{first['token_id']}")
    eventually(lambda: idp.http.get("Users").status_code == REFUSED, 30)
    mine = idp.http.headers["Authorization"].removeprefix("Bearer ")
    assert why(idp, mine) == f"This token was revoked on {revoked['revoked_at'][:10]}."
    assert status(idp, idp.admin.post(tokens)["token"]) == FOUND, "there is room for one again"
    listed = {each["token_id"]: each for each in idp.admin.get(tokens)["tokens"]}
    assert listed[second["token_id"]]["last_used_at"] is not None
    told = [each for each in idp.admin.sentences() if "token" in each]
    assert len(told) == 5
    assert not any(second["token"] in str(each) for each in (*listed.values(), *told))


def test_a_token_ends_on_its_day(idp: Idp, rollcall: World) -> None:
    token = idp.admin.post(f"/directories/{idp.directory_id}/tokens", days=30)
    assert status(idp, token["token"]) == FOUND
    with rollcall.connection() as connection:
        connection.execute(
            "UPDATE scim_token SET expires_at = '2026-01-31' WHERE token_id = %s",
            [token["token_id"]],
        )
    eventually(lambda: status(idp, token["token"]) == REFUSED, 30)
    assert why(idp, token["token"]) == "This token expired on 2026-01-31."


def test_a_disconnected_directory_says_so(idp: Idp) -> None:
    ended = idp.admin.delete(f"/directories/{idp.directory_id}")
    eventually(lambda: idp.http.get("Users").status_code == REFUSED, 30)
    mine = idp.http.headers["Authorization"].removeprefix("Bearer ")
    day = ended["ended_at"][:10]
    assert why(idp, mine) == f"The directory of this token was disconnected on {day}."
    refused = idp.admin.http.post(
        f"{idp.admin.path}/directories/{idp.directory_id}/tokens", json={}
    )
    assert refused.status_code == 409


@pytest.mark.parametrize("what", ["tokens", "warnings"])
def test_a_directory_that_is_not_there_has_nothing_to_list(idp: Idp, what: str) -> None:
    url = f"{idp.admin.path}/directories/unknown/{what}"
    assert idp.admin.http.get(url).status_code == 404
    assert idp.admin.http.get(url.replace("unknown", idp.directory_id)).status_code == 200


def test_a_token_opens_its_own_directory_only(idp: Idp) -> None:
    with idp.admin.idp() as other:
        theirs = other.user("ann", title="Secret")
        group = other.group("Secret", theirs)
        for path, body in (
            (f"Users/{theirs}", user("ann")),
            (f"Groups/{group}", {"schemas": [GROUP], "displayName": "x"}),
        ):
            assert idp.http.get(path).status_code == 404
            assert idp.http.delete(path).status_code == 404
            assert idp.http.put(path, json=body).status_code == 404
            assert idp.patch(path, {"op": "remove", "path": "externalId"}).status_code == 404
        assert idp.found('title eq "Secret"') == []
        assert idp.found(f'id eq "{theirs}"') == []
        assert idp.http.get("").json()["totalResults"] == 0
        mine = idp.group("Mine", theirs)
        assert idp.members_of(mine) == set()
        assert other.http.get(f"Users/{theirs}").json()["title"] == "Secret"


def test_two_tenants_that_sync_at_once_never_see_each_other(idp: Idp, another: Admin) -> None:
    with another.idp() as other, ThreadPoolExecutor(8) as pool:
        work = [(who, f"p{number}") for number in range(40) for who in (idp, other)]
        made = list(pool.map(lambda each: each[0].user(each[1]), work))
        for number, who in enumerate((idp, other)):
            page = who.http.get("Users", params={"count": 100}).json()
            assert {each["id"] for each in page["Resources"]} == set(made[number::2])


MALFORMED = [
    None,
    "",
    "Bearer",
    "Bearer null",
    "Bearer undefined",
    "Basic cm9sbGNhbGw6cm9sbGNhbGw=",
    "Bearer rc_scim_",
    f"Bearer {new_token().token}",
    f"Bearer {new_token().token[:-1]}x",
    f"Bearer\t{new_token().token}",
    f"Bearer {new_token().token} x",
]


@pytest.mark.parametrize("header", MALFORMED)
def test_without_a_token_there_is_nothing(rollcall: World, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    with httpx2.Client(base_url=rollcall.settings.url, headers=headers, verify=CLEAR) as http:
        for path in ("Users", "Schemas", "ServiceProviderConfig", "ResourceTypes", "Nope", ""):
            response = http.get(f"/scim/v2/{path}")
            assert response.status_code == REFUSED, path
            assert set(response.json()) == {"schemas", "status", "detail"}


def test_two_headers_are_none(idp: Idp) -> None:
    token = idp.http.headers["Authorization"]
    with httpx2.Client(base_url=idp.http.base_url, verify=CLEAR) as http:
        twice = [("Authorization", token), ("Authorization", token)]
        assert http.get("Users", headers=twice).status_code == REFUSED


def encodings() -> Iterator[str]:
    """Every route in spellings that some router takes for the same."""
    names = ("Users", "Users/1", "Groups", "Bulk", ".search", "Schemas", "ServiceProviderConfig")
    for name in (*names, "Me", "ResourceTypes", "Users/.search", ""):
        yield f"/scim/v2/{name}"
        yield f"/scim/v2//{name}"
        yield f"//scim/v2/{name}"
        yield f"/scim/v2/./{name}"
        yield f"/scim/v2/x/../{name}"
        yield f"/scim/v2/{name};x=1"
        yield f"/scim/v2/{name}."
        yield f"/scim/v2/{name}%00"
        yield f"/scim/v2/{name.upper()}"
        yield f"/SCIM/v2/{name}"
        yield f"/scim/v2/{name}/" + "x" * 4_000
        yield f"/scim%2Fv2%2F{quote(name, safe='')}"
        yield "/scim/v2/" + "".join(f"%{ord(letter):02x}" for letter in name)
        yield f"/%73cim/v2/{name}"
    yield "/scim"
    yield "/scim/"
    yield "/scim/v2"
    yield "/scim/v1/Users"


def test_unauthenticated_requests_get_401_or_404_in_every_encoding(rollcall: World) -> None:
    with httpx2.Client(base_url=rollcall.settings.url) as http:
        answers = {
            (method, path): http.request(method, rollcall.settings.url + path).status_code
            for path in encodings()
            for method in ("GET", "POST", "PATCH", "DELETE", "OPTIONS", "HEAD")
        }
    assert {key: found for key, found in answers.items() if found not in {401, 404}} == {}
    assert set(answers.values()) == {401, 404}
