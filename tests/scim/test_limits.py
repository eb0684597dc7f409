"""Every limit of the SCIM door: as much as it allows passes, one more gets the error of the RFC.

Too much of something is 413, but for what has an error of its own (RFC 7644 §3.12, §3.7.4).
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest
from scim2_server.service import ScimService

from ingest.refusals import TooSlowError
from ingest.scim.errors import response_of
from ingest.scim.resources import provider_for
from schemas import limits
from tests.harness import World
from tests.scim.idp import USER, Body, Idp, administering, replaces, user
from tests.scim.test_bulk import BULK
from tests.scim.test_users import ERROR

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


class Row(NamedTuple):
    """How a request of some size is made, and what is answered to one that is too large."""

    limit: str
    where: str
    send: Callable[[Idp, int], httpx2.Response]
    status: int = 413
    kind: str | None = None


def padded(idp: Idp, path: str, body: Body, size: int) -> httpx2.Response:
    return idp.http.post(path, content=json.dumps(body).encode().ljust(size))


def deletes(count: int) -> Body:
    operations = [{"method": "DELETE", "path": "/Users/none"}] * count
    return {"schemas": [BULK], "Operations": operations}


def sized(idp: Idp, size: int) -> httpx2.Response:
    kept: Body = {"userName": f"p{size}", "title": ""}
    kept["title"] = "x" * (size - len(msgspec.json.encode(kept)))
    return idp.http.post("Users", json={"schemas": [USER]} | kept)


def filtered(idp: Idp, where: str) -> httpx2.Response:
    return idp.http.get("Users", params={"filter": where})


def on_ann(idp: Idp, *operations: Any) -> httpx2.Response:
    (ann,) = idp.found('nickName eq "Annie"')
    return idp.patch(f"Users/{ann['id']}", *operations)


def on_team(idp: Idp, *operations: Any) -> httpx2.Response:
    (team,) = idp.found('externalId eq "team"', "Groups")
    return idp.patch(f"Groups/{team['id']}", *operations)


def sent_back(idp: Idp, groups: int) -> httpx2.Response:
    return idp.post_user(f"s{groups}", groups=[{"value": "x"}] * groups)


def paths(length: int) -> list[Body]:
    """Operations whose paths have so many characters together."""
    whole, rest = divmod(length, limits.SCIM_FILTER)
    names = ["a" * limits.SCIM_FILTER] * whole + ["a" * rest] * bool(rest)
    return [replaces(name, "x") for name in names]


ROWS = [
    Row("SCIM_BODY", "body", lambda idp, n: padded(idp, "Users", user(f"b{n}"), n)),
    Row("SCIM_RESOURCE", "person", sized),
    Row(
        "SCIM_NAME",
        "userName",
        lambda idp, n: idp.post_user("u", userName="u" * n),
        400,
        "invalidValue",
    ),
    Row(
        "SCIM_NAME",
        "externalId",
        lambda idp, n: idp.post_user("e", externalId="e" * n),
        400,
        "invalidValue",
    ),
    Row(
        "SCIM_GROUP_NAME",
        "displayName",
        lambda idp, n: idp.post_group("g" * n),
        400,
        "invalidValue",
    ),
    Row(
        "SCIM_FILTER",
        "filter",
        lambda idp, n: filtered(idp, 'title eq ""'.rjust(n)),
        400,
        "invalidFilter",
    ),
    Row(
        "SCIM_FILTER",
        "path",
        lambda idp, n: on_ann(idp, replaces("a" * n, "x")),
        400,
        "invalidPath",
    ),
    Row(
        "SCIM_FILTER",
        "parameter",
        lambda idp, n: idp.http.get("Users", params={"attributes": "a" * n}),
        400,
        "invalidValue",
    ),
    Row(
        "SCIM_QUERY",
        "query",
        lambda idp, n: idp.http.get(f"Users?{('x&' * n)[:n]}"),
        400,
        "invalidValue",
    ),
    Row(
        "SCIM_FILTER_DEPTH",
        "filter",
        lambda idp, n: filtered(idp, "not (" * n + "id pr" + ")" * n),
        400,
        "invalidFilter",
    ),
    Row("SCIM_ENTRIES", "operations", lambda idp, n: on_ann(idp, *[replaces("title", "x")] * n)),
    Row(
        "SCIM_ENTRIES",
        "values",
        lambda idp, n: on_ann(
            idp, replaces("emails", [{"value": f"{each}@acme.example"} for each in range(n)])
        ),
    ),
    Row("SCIM_SENT_BACK", "groups", sent_back),
    Row("SCIM_SEARCH_BODY", "body", lambda idp, n: padded(idp, ".search", {"count": 0}, n)),
    Row(
        "GROUP_OPERATIONS",
        "operations",
        lambda idp, n: on_team(idp, *[replaces("displayName", "Team")] * n),
    ),
    Row(
        "SCIM_PATHS",
        "names",
        lambda idp, n: on_ann(idp, {"op": "add", "value": {f"x{each}": 1 for each in range(n)}}),
    ),
    Row(
        "SCIM_PATHS",
        "attributes",
        lambda idp, n: idp.post_user(f"w{n}", **{f"x{each}": 1 for each in range(n - len(user()))}),
    ),
    Row("SCIM_PATHS_LENGTH", "paths", lambda idp, n: on_ann(idp, *paths(n))),
    Row(
        "SCIM_MEMBERS",
        "members",
        lambda idp, n: on_team(
            idp, {"op": "add", "path": "members", "value": [{"value": "x"}] * n}
        ),
    ),
    Row("BULK_OPERATIONS", "operations", lambda idp, n: idp.http.post("Bulk", json=deletes(n))),
    Row("BULK_BODY", "body", lambda idp, n: padded(idp, "Bulk", deletes(1), n)),
]
WITHOUT_ERROR = {"SCIM_PAGE": "a page is shorter", "SCIM_AT_ONCE": "it waits"}


@pytest.fixture(scope="module")
def directory(rollcall: World) -> Iterator[Idp]:
    """One for all rows, with somebody and a team in it."""
    with administering(rollcall) as admin, admin.idp() as idp:
        idp.user("ann", nickName="Annie")
        idp.group("Team", externalId="team")
        yield idp


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.limit}-{row.where}")
def test_so_much_and_no_more(directory: Idp, row: Row) -> None:
    most = getattr(limits, row.limit)
    allowed = row.send(directory, most)
    assert allowed.is_success, allowed.text
    refused = row.send(directory, most + 1)
    assert refused.status_code == row.status, refused.text
    body = refused.json()
    assert (body["schemas"], body["status"]) == ([ERROR], str(row.status))
    assert body.get("scimType") == row.kind
    assert body["detail"]


def test_a_page_holds_no_more_than_is_said() -> None:
    provider = provider_for(())
    service = ScimService(provider)
    with provider:
        types = list(provider.resource_types)
        asked, _ = service.read_search_query(types, {"count": str(limits.SCIM_PAGE + 1)})
    assert asked.count == limits.SCIM_PAGE
    assert provider.config is not None
    said = provider.config.model_dump()
    assert said["filter"]["maxResults"] == limits.SCIM_PAGE
    assert said["bulk"]["maxOperations"] == limits.BULK_OPERATIONS
    assert said["bulk"]["maxPayloadSize"] == limits.BULK_BODY


def test_a_search_that_would_take_too_long_is_too_many() -> None:
    body = response_of(TooSlowError()).body
    assert isinstance(body, dict)
    assert (body["status"], body["scimType"]) == ("400", "tooMany")


def test_every_limit_is_tried_and_documented() -> None:
    ours = {name for name in vars(limits) if name.startswith(("SCIM_", "BULK_", "GROUP_"))}
    assert ours == {row.limit for row in ROWS} | WITHOUT_ERROR.keys()
    section = OPERATIONS.read_text().partition("### Limits of the SCIM door")[2].partition("\n#")[0]
    told = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| .* \| (.+) \|$", section, re.MULTILINE)
    assert {(name, int(most.replace(",", ""))) for name, most, _ in told} == {
        (name, getattr(limits, name)) for name in ours
    }
    for name, _, answered in told:
        errors = {f"{row.status} {row.kind or ''}".strip() for row in ROWS if row.limit == name}
        assert answered == (" or ".join(sorted(errors)) or WITHOUT_ERROR[name])
