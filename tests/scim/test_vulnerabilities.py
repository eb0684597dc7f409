"""What went wrong with SCIM elsewhere does not go wrong here: one row a vulnerability.

`HELD_BY` names the tests of each; those that nobody else had are in this module.
"""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest

from tests.harness import World
from tests.scim.idp import ENTERPRISE, GROUP, PATCH, Admin, Body, Idp, replaces, user
from tests.scim.test_bulk import BULK

TESTS = Path(__file__).parents[1]
HELD_BY = {
    "Grafana CVE-2025-41115": [
        "scim/test_vulnerabilities.py: test_no_external_id_selects_anybody_else",
        "scim/test_attacks.py: test_nobody_becomes_another_by_sending_their_scim_id",
    ],
    "ZITADEL CVE-2026-32130": [
        "scim/test_vulnerabilities.py: test_no_spelling_of_a_url_goes_around_the_token",
        "scim/test_tokens.py: test_unauthenticated_requests_get_401_or_404_in_every_encoding",
    ],
    "Kanidm CVE-2026-46689": [
        "scim/test_vulnerabilities.py: test_filters_nested_as_deep_as_one_likes_end_nothing",
        "ingest/scim/test_filters.py: test_filters_nest_as_deep_as_they_may",
    ],
    "ToolJet 16217": [
        "scim/test_vulnerabilities.py: test_a_token_is_sent_to_the_letter",
        "scim/test_tokens.py: test_without_a_token_there_is_nothing",
        "ingest/test_admin_api.py: test_only_the_token_opens_the_api",
        "deploy/test_cli.py: test_a_setting_that_cannot_be",
        "ingest/test_signature.py: test_an_empty_secret_never_verifies",
    ],
    "Keycloak GHSA-gv94-wp4h-vv8p": [
        "scim/test_vulnerabilities.py: test_a_token_is_sent_to_the_letter",
        "scim/test_tokens.py: test_two_headers_are_none",
    ],
    "langfuse 15997": [
        "scim/test_vulnerabilities.py: test_there_is_no_password",
        "scim/test_canary.py: test_no_value_passes_the_scim_door",
    ],
    "ciso-assistant 4658": [
        "scim/test_vulnerabilities.py: test_an_email_that_changes_moves_nobody",
    ],
    "GitLab CVE-2022-1680": [
        "scim/test_vulnerabilities.py: test_an_email_that_changes_moves_nobody",
        "scim/test_vulnerabilities.py: test_the_same_email_at_two_tenants_is_two_people",
    ],
    "Casdoor CVE-2025-4210": [
        "scim/test_tokens.py: test_unauthenticated_requests_get_401_or_404_in_every_encoding",
        "scim/test_vulnerabilities.py: test_no_spelling_of_a_url_goes_around_the_token",
    ],
    "Casdoor CVE-2026-9090..9098": [
        "scim/test_vulnerabilities.py: test_an_email_that_changes_moves_nobody",
        "scim/test_vulnerabilities.py: test_the_same_email_at_two_tenants_is_two_people",
    ],
    "authentik GHSA-9m7q-6qg6-888h": [
        "scim/test_vulnerabilities.py: test_a_group_grants_nothing_by_its_name",
        "scim/test_vulnerabilities.py: test_who_is_deleted_leaves_a_record",
        "scim/test_attacks.py: test_a_token_reaches_nothing_of_another_tenant",
    ],
    "better-auth 5685": [
        "scim/test_vulnerabilities.py: test_only_the_admin_token_makes_tokens",
        "scim/test_tokens.py: test_a_token_is_rotated_with_overlap_and_revoked",
    ],
    "Infisical 6885": ["scim/test_tokens.py: test_without_a_token_there_is_nothing"],
    "the-dmz 2211": ["scim/test_vulnerabilities.py: test_nothing_that_is_sent_writes_the_log"],
    "Atlas-Workforce 175": [
        "scim/test_vulnerabilities.py: test_no_verb_reaches_another_tenant",
        "scim/test_vulnerabilities.py: test_a_group_grants_nothing_by_its_name",
        "scim/test_tokens.py: test_a_token_opens_its_own_directory_only",
        "deploy/test_migrations.py: test_the_gateway_sees_the_tenant_that_it_names_and_no_other",
    ],
    "SAP scimono GHSA-qjp7-gvrw-vxmf": [
        "scim/test_vulnerabilities.py: test_no_name_is_evaluated",
    ],
}
"""Ids as `idp-facts` lists them: what happened there stands in the tests' own words."""


@pytest.mark.parametrize("vulnerability", HELD_BY)
def test_each_is_held_by_tests_that_are_there(vulnerability: str) -> None:
    for test in HELD_BY[vulnerability]:
        module, _, name = test.partition(": ")
        assert re.search(rf"^def {name}\(", (TESTS / module).read_text(), re.MULTILINE), test


EXTERNAL_IDS = ["0", "1", "-1", "null", "None", "*", "%", "a'; DROP TABLE directory_user; --"]


def test_no_external_id_selects_anybody_else(idp: Idp) -> None:
    """Grafana CVE-2025-41115: externalId "1" was the administrator."""
    victim = idp.user("ann", externalId="ext-ann")
    before = idp.http.get(f"Users/{victim}").json()
    member = idp.admin.until_standing(victim, "active")["member_id"]
    others = [*EXTERNAL_IDS, member, idp.directory_id, idp.admin.tenant_id, "EXT-ANN", "x" * 255]
    made = [idp.user(f"p{number}", externalId=each) for number, each in enumerate(others)]
    assert len({victim, *made}) == len(others) + 1
    for each, scim_id in zip(others, made, strict=True):
        assert [one["id"] for one in idp.found(f"externalId eq {json.dumps(each)}")] == [scim_id]
        assert idp.http.get(f"Users/{each}").status_code == 404
    assert idp.patch(f"Users/{made[0]}", replaces("externalId", "ext-ann")).status_code == 409
    assert idp.http.get(f"Users/{victim}").json() == before
    assert idp.admin.until_standing(victim, "active")["member_id"] == member
    assert idp.admin.until_standing(made[1], "active")["role"] == "member"


def spellings() -> Iterator[str]:
    for name in ("Users", "Groups", "Schemas", "Bulk"):
        yield f"/scim/v2/{name}"
        for step in ("%2e%2e", "..", ".%2e", "..;", "%2e%2e%2f", "..%c0%af", "..%5c", "\\.."):
            yield f"/api/{step}/scim/v2/{name}"
            yield f"/scim/v2/x/{step}/{name}"
        yield f"/scim/v2%2f{name}"
        yield f"/scim/v2/%25{ord(name[0]):x}{name[1:]}"
        yield f"/scim/v2/{name}%3b"
        yield f"/scim/v2/{name}?access_token=x#/"
        yield f"/scim/v2/{name}%20"
        yield f"/scim/v2/{name}/..;/"
        yield f"http://other.example/scim/v2/{name}"


def test_no_spelling_of_a_url_goes_around_the_token(rollcall: World) -> None:
    """ZITADEL CVE-2026-32130: an encoded path was routed and not authenticated."""
    with httpx2.Client(base_url=rollcall.settings.url) as http:
        for spelling in spellings():
            for method in ("GET", "POST", "PUT"):
                request = http.build_request(method, "/", json=user("ann"))
                request.extensions["target"] = spelling.encode()  # as it is, on the wire
                assert http.send(request).status_code in {401, 404}, (method, spelling)


NESTED = ["not (" * 33 + "id pr" + ")" * 33, "(" * 990, "not (" * 390, "emails[" * 280]


def test_filters_nested_as_deep_as_one_likes_end_nothing(idp: Idp) -> None:
    """Kanidm CVE-2026-46689: nesting exhausted the stack, and the process was gone."""
    ann = idp.user("ann")
    for nested in NESTED:
        refuses(idp, ann, nested)
    wide = "(" * 300 + "id pr" + ")" * 300  # brackets alone nest nothing
    assert len(idp.found(wide)) == 1, "nobody starts a process anew here: it is the same one"


def refuses(idp: Idp, ann: str, nested: str) -> None:
    """Whether each way to send a filter is shut for this one."""
    removal = {"op": "remove", "path": f"emails[{nested}]"}
    bulk = {
        "schemas": [BULK],
        "Operations": [
            {
                "method": "PATCH",
                "path": f"/Users/{ann}",
                "data": {"schemas": [PATCH], "Operations": [removal]},
            }
        ],
    }
    for response, kind in (
        (idp.http.get("Users", params={"filter": nested}), "invalidFilter"),
        (idp.http.post(".search", json={"filter": nested}), "invalidFilter"),
        (idp.patch(f"Users/{ann}", removal), "invalidPath"),
    ):
        assert (response.status_code, response.json().get("scimType")) == (400, kind)
    answered = idp.http.post("Bulk", json=bulk).json()
    refused = answered["Operations"][0]["response"] if "Operations" in answered else answered
    assert (refused["status"], refused["scimType"]) == ("400", "invalidPath")


LAX = [
    *("Bearer\t{0}", "Bearer  {0}", "Bearer {0},", "Bearer {0}, Bearer {0}", "Bearer {0};"),
    *('Bearer "{0}"', "Bearer\xa0{0}", "Bearer {0}=", "Bearer {0} x", "Bearer:{0}", "Bearer{0}"),
    *("Token {0}", "Basic {0}", "x Bearer {0}", "Bearer Bearer {0}", "{0} {0}", "Bearer {0}\xa0"),
    *("", "Bearer", "Bearer ", "Bearer null", "Bearer undefined", "null", "Bearer [object Object]"),
]


def test_a_token_is_sent_to_the_letter(idp: Idp, rollcall: World) -> None:
    """Keycloak GHSA-gv94-wp4h-vv8p: what a proxy reads otherwise; ToolJet 16217: no token at all.

    The scheme may be small or missing, as IdPs have it (idp-facts §1.8).
    """
    token = idp.http.headers["Authorization"].removeprefix("Bearer ")
    other = rollcall.settings.require_admin_token()
    address = urlsplit(rollcall.settings.url)

    def status(name: str, value: str, query: str = "") -> int:
        http = HTTPConnection(address.hostname or "", address.port)  # sends a header as it is
        with closing(http):
            http.request("GET", f"/scim/v2/Users{query}", headers={name: value.encode("latin-1")})
            return http.getresponse().status

    for header in ("Bearer {0}", "bearer {0}", "{0}"):
        assert status("Authorization", header.format(token)) == 200
    for header in (*LAX, f"Bearer {other}", other):
        assert status("Authorization", header.format(token)) == 401, header
    for name in ("Proxy-Authorization", "X-Authorization", "Cookie", "X-Forwarded-User"):
        assert status(name, f"Bearer {token}") == 401
    assert status("Accept", "*/*", f"?access_token={token}") == 401


def test_there_is_no_password(idp: Idp) -> None:
    """Langfuse 15997: a password that came by SCIM made a login."""
    ann = idp.user("ann", password="correct-horse-battery-7532")
    for path in ("password", "urn:ietf:params:scim:schemas:core:2.0:User:password"):
        assert "password" not in idp.patch(f"Users/{ann}", replaces(path, "x" * 20)).text
    for path in ("Schemas", f"Users/{ann}?attributes=password", "Users"):
        assert '"password"' not in idp.http.get(path).text
    asked = idp.http.get("Users", params={"filter": 'password sw "c"'})
    assert (asked.status_code, asked.json()["scimType"]) == (400, "invalidFilter")
    config = idp.http.get("ServiceProviderConfig").json()
    assert config["changePassword"] == {"supported": False}


def test_an_email_that_changes_moves_nobody(idp: Idp) -> None:
    """ciso-assistant 4658, GitLab CVE-2022-1680: whoever got another's address became them."""
    ann, bo = idp.user("ann"), idp.user("bo")
    was = {who: idp.admin.until_standing(who, "active")["member_id"] for who in (ann, bo)}
    address = {"value": "ann@acme.example", "type": "work", "primary": True}
    assert idp.patch(f"Users/{bo}", replaces("emails", [address])).status_code == 200
    taken = idp.patch(f"Users/{bo}", replaces("userName", "ANN@acme.example"))
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    cy = idp.user("cy", emails=[address])
    is_now = {who: idp.admin.until_standing(who, "active")["member_id"] for who in (ann, bo, cy)}
    assert {who: is_now[who] for who in was} == was
    assert len(set(is_now.values())) == 3
    assert idp.patch(f"Users/{cy}", replaces("active", False)).status_code == 200
    idp.admin.until_standing(cy, "none")
    assert idp.admin.until_standing(ann, "active")["member_id"] == was[ann]


def test_the_same_email_at_two_tenants_is_two_people(idp: Idp, another: Admin) -> None:
    """GitLab CVE-2022-1680, Casdoor CVE-2026-9092: an address is no identity."""
    with another.idp() as theirs:
        mine, victim = idp.user("ann"), theirs.user("ann")
        idp.http.delete(f"Users/{mine}")
        idp.admin.until_standing(mine, "none")
        assert theirs.admin.until_standing(victim, "active")["role"] == "member"


def test_a_group_grants_nothing_by_its_name(idp: Idp) -> None:
    """authentik GHSA-9m7q-6qg6-888h, Atlas-Workforce 175: only a mapping makes an administrator."""
    ann = idp.user("ann", roles=[{"value": "admin", "primary": True}], userType="admin")
    groups = [idp.group(name, ann) for name in ("admin", "Admins", "authentik Admins", "owner")]
    idp.patch(f"Users/{ann}", replaces("entitlements", [{"value": "admin"}]))
    assert idp.members_of(groups[0]) == {ann}
    assert idp.admin.until_standing(ann, "active")["role"] == "member"


def test_who_is_deleted_leaves_a_record(idp: Idp, rollcall: World) -> None:
    """authentik GHSA-9m7q-6qg6-888h: DELETE removed people for good."""
    ann = idp.user("ann")
    member = idp.admin.until_standing(ann, "active")["member_id"]
    assert idp.http.delete(f"Users/{ann}").status_code == 204
    (row,) = rollcall.rows("SELECT * FROM directory_user WHERE user_id = %s", ann)
    assert row["deleted"]
    assert idp.admin.until_standing(ann, "none")["member_id"] == member


def test_only_the_admin_token_makes_tokens(idp: Idp, another: Admin) -> None:
    """better-auth 5685: any member could make a token of the directory."""
    mine = f"{idp.admin.path}/directories/{idp.directory_id}/tokens"
    for headers in ({}, {"Authorization": idp.http.headers["Authorization"]}):
        with httpx2.Client(base_url=idp.admin.http.base_url, headers=headers) as http:
            assert http.post(mine, json={}).status_code == 401
            assert http.get(mine).status_code == 401
    theirs = another.directory()
    crossed = idp.admin.http.post(f"{idp.admin.path}/directories/{theirs}/tokens", json={})
    assert crossed.status_code == 404, crossed.text
    told = [each for each in idp.admin.sentences() if each.startswith("A token of")]
    assert len(told) == 1


def test_no_verb_reaches_another_tenant(idp: Idp, another: Admin) -> None:
    """Atlas-Workforce 175: what is another's is answered like what is not there."""
    with another.idp() as theirs:
        ann = theirs.user("ann")
        group = theirs.group("Secret", ann)
        before = [theirs.http.get(path).json() for path in (f"Users/{ann}", f"Groups/{group}")]
        for endpoint, body, their_id in (
            ("Users", user("bo"), ann),
            ("Groups", {"schemas": [GROUP], "displayName": "x"}, group),
        ):
            nobody = f"{secrets.token_hex(4)}-0000-7000-8000-{secrets.token_hex(6)}"
            details = set()
            for each in (tried(endpoint, body, their_id), tried(endpoint, body, nobody)):
                answers = [idp.http.request(*call, json=sent) for *call, sent in each]
                assert [found.status_code for found in answers[:-2]] == [404] * 4
                assert [found.json()["totalResults"] for found in answers[-2:]] == [0, 0]
                bulk = {"schemas": [BULK], "Operations": list(in_bulk(each))}
                answered = idp.http.post("Bulk", json=bulk).json()["Operations"]
                assert {one["status"] for one in answered} == {"404"}
                details |= {found.json()["detail"] for found in answers[:-2]}
                details |= {one["response"]["detail"] for one in answered}
            assert len(details) == 1, "nobody learns which ids are another's"
        mine = idp.user("cy", **{ENTERPRISE: {"manager": {"value": ann}}})
        assert "displayName" not in idp.http.get(f"Users/{mine}").json()[ENTERPRISE]["manager"]
        assert idp.post_group("Mine", ann, group, mine).is_success
        assert [theirs.http.get(path).json() for path in (f"Users/{ann}", f"Groups/{group}")] == (
            before
        )


def tried(endpoint: str, body: Body, scim_id: str) -> list[tuple[str, str, Any]]:
    """Each way to one resource; the last two are searches."""
    place = f"{endpoint}/{scim_id}"
    patch = {"schemas": [PATCH], "Operations": [replaces("externalId", "mine")]}
    where = {"filter": f'id eq "{scim_id}"'}
    return [
        ("GET", place, None),
        ("PUT", place, body),
        ("PATCH", place, patch),
        ("DELETE", place, None),
        ("POST", f"{endpoint}/.search", where),
        ("POST", ".search", where),
    ]


def in_bulk(each: list[tuple[str, str, Any]]) -> Iterator[Body]:
    """Those of them that write, as operations of one request."""
    for method, path, sent in each[1:4]:
        operation = {"method": method, "path": f"/{path}"}
        yield operation if sent is None else operation | {"data": sent}


EVIL = "EVIL\r\nEVIL\x1b[31m\u2028\x85{0}%s"


def test_nothing_that_is_sent_writes_the_log(idp: Idp, rollcall: World) -> None:
    """the-dmz 2211: a filter stood in the log as it was sent, and made lines of its own."""
    logs = list(rollcall.folder.glob("*.log"))
    assert {log.name for log in logs} >= {"gateway-a.log", "processors-a.log", "sinks-a.log"}
    before = {log: log.stat().st_size for log in logs}
    ann = idp.user("ann", userName=EVIL, displayName=EVIL, externalId=EVIL, title=EVIL)
    idp.post_group(EVIL, ann, EVIL)
    for filter_ in (EVIL, f"userName eq {json.dumps(EVIL)}", f'title eq "{EVIL}'):
        idp.http.get("Users", params={"filter": filter_, EVIL: EVIL})
    idp.patch(f"Users/{ann}", replaces(EVIL, EVIL), replaces(f"{EVIL}", {EVIL: EVIL}))
    idp.http.post("Users", content=EVIL.encode())
    idp.http.get(f"Users/{quote(EVIL)}")
    for name in ("User-Agent", "Traceparent", "If-Match", "Content-Type", "X-Request-Id"):
        idp.http.get("Users", headers={name.encode(): b"EVIL\x1b[31m"})
    idp.http.get("Users", headers={"Authorization": "Bearer EVIL"})
    idp.admin.until_standing(ann, "active")
    for log in logs:
        with log.open("rb") as lines:
            lines.seek(before[log])
            for line in lines:
                assert b"EVIL" not in line
                assert isinstance(json.loads(line), dict), line


NO_NAMES = ["{{7*191}}", "${7*191}", "#{7*191}", "<%= 7*191 %>", "T(java.lang.Runtime)", "a;b"]
NO_NAMES += ["__class__.__mro__", "name.__class__", "userName.__init__.__globals__", "$(id)"]


def test_no_name_is_evaluated(idp: Idp) -> None:
    """SAP scimono GHSA-qjp7-gvrw-vxmf: the path of an attribute was run as an expression."""
    ann = idp.user("ann")
    before = idp.http.get(f"Users/{ann}").json()
    for name in NO_NAMES:
        for response, kind in (
            (idp.patch(f"Users/{ann}", replaces(name, "x")), "invalidPath"),
            (idp.http.get("Users", params={"filter": f'{name} eq "x"'}), "invalidFilter"),
            (idp.http.get("Users", params={"sortBy": name}), "invalidPath"),
        ):
            assert (response.status_code, response.json()["scimType"]) == (400, kind), name
            assert "1337" not in response.text
        for asked in ({"attributes": name}, {"excludedAttributes": name}):
            assert "1337" not in idp.http.get("Users", params=asked).text
    assert idp.http.get(f"Users/{ann}").json() == before
