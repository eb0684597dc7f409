"""What IdPs hold true, as plain dicts, and whether Rollcall says the same when a storm is over."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final, cast

import httpx2

from schemas import topics
from schemas.partitions import partition_of
from schemas.recorded import ChangeSettled
from schemas.scim import ScimChange
from tests.harness import PARTITIONS, World
from tests.scim.idp import Body
from tests.storm import history, truth

RANKS: Final = {"viewer": 10, "member": 20, "admin": 30}
DEFAULT: Final = "member"
GRANTS: Final[dict[str, Body]] = {
    "Admins": {"role": "admin"},
    "Designers": {"workspaces": [{"workspace": "design"}]},
    "Viewers": {"role": "viewer"},
    "Studio": {"role": "viewer", "workspaces": [{"workspace": "design", "role": "admin"}]},
}
"""What groups are mapped to, as the admin API takes it."""
SHOWN: Final = 3
"""How many are told of, with all that was sent about them, where something is wrong."""


class Resource:
    """A person or a group as an IdP wants it."""

    def __init__(self, kind: str, name: str, wanted: Body) -> None:
        self.kind, self.name, self.wanted = kind, name, wanted
        self.here = False
        """The IdP wants it to be there."""
        self.id: str | None = None
        """What our door calls it, as far as the IdP knows."""
        self.told: list[str] = []
        """Everything that was sent about it, and the answers."""


class Person(Resource):
    """Known by an externalId."""

    def __init__(self, external_id: str, wanted: Body) -> None:
        super().__init__("Users", external_id, wanted | {"externalId": external_id})
        self.departed = False
        """Was deactivated or deleted at some time."""


class Group(Resource):
    """Known by the displayName that it had first."""

    def __init__(self, name: str, *, renamed: bool) -> None:
        super().__init__("Groups", name, {"displayName": name})
        self.renamed = renamed
        """Gets other names."""
        self.members: set[str] = set()
        """External ids."""


class Company:
    """One tenant with one SCIM directory."""

    def __init__(self, number: int, provider: str) -> None:
        self.tenant_id = next(  # all partitions have the same to do
            name
            for n in count()
            if partition_of(name := f"company-{number}-{n}", PARTITIONS) == number % PARTITIONS
        )
        self.provider = provider
        self.directory_id = ""
        self.token = ""
        self.people: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}

    def access_of(self, person: Person) -> tuple[Hashable, ...]:
        """Standing, role, workspaces with the roles in them, email."""
        if not (person.here and person.wanted["active"]):
            return ("none", None, ())
        grants = [
            grant for name, grant in GRANTS.items() if person.name in self.groups[name].members
        ]
        roles = [grant["role"] for grant in grants if "role" in grant]
        given = [each.get("role") for grant in grants for each in grant.get("workspaces", [])]
        named = [role for role in given if role is not None]
        design = (("design", max(named, key=RANKS.__getitem__, default=None)),) if given else ()
        role = max(roles, key=RANKS.__getitem__, default=DEFAULT)
        return ("active", role, design, person.wanted["emails"][0]["value"])


def all_is_as_the_idps_say(
    world: World, companies: Sequence[Company], opened: set[truth.Opened]
) -> None:
    """SCIM, members, sessions, keys, the audit log, the topics."""
    for company in companies:
        the_door_shows_what_its_idp_wants(world, company)
    members_have_what_their_groups_grant(world, companies)
    sessions_end_with_access(world, companies, opened)
    each_change_has_one_outcome(world)
    assert world.rows("SELECT * FROM hold") == []
    truth.revocations_stand_once(world)
    # Only their tenant_id counts there.
    truth.the_audit_log_tells_the_same(world, cast("Sequence[history.Customer]", companies))
    truth.no_event_stands_twice(world)
    truth.nothing_is_dead(world)


def the_door_shows_what_its_idp_wants(world: World, company: Company) -> None:
    with httpx2.Client(
        base_url=f"{world.settings.url}/scim/v2/",
        headers={"Authorization": f"Bearer {company.token}"},
        timeout=60,
    ) as http:
        users, groups = ([*_listed(http, endpoint)] for endpoint in ("Users", "Groups"))
    for name in ("id", "externalId", "userName"):
        times = Counter(user[name].lower() for user in users)
        assert not [each for each, n in times.items() if n > 1], f"{name} twice"
    people = {each.name: each for each in company.people.values()}
    _require_same(
        {user["externalId"]: (user["id"], _like(user, people)) for user in users},
        {each.name: (each.id, each.wanted) for each in people.values() if each.here},
        people,
    )
    names = {each.id: each.name for each in people.values() if each.here}
    found = {
        group["id"]: (
            group["displayName"],
            {names.get(each["value"], each["value"]) for each in group.get("members", [])},
        )
        for group in groups
    }
    assert len(found) == len(groups)
    wanted = [each for each in company.groups.values() if each.here]
    _require_same(
        found,
        {str(each.id): (each.wanted["displayName"], each.members) for each in wanted},
        {str(each.id): each for each in wanted},
    )


def members_have_what_their_groups_grant(world: World, companies: Sequence[Company]) -> None:
    rows = world.rows(
        "SELECT external_ids, standing, role, email, coalesce("
        " (SELECT jsonb_agg(jsonb_build_array(workspace, role) ORDER BY workspace)"
        "  FROM member_workspace AS of_theirs WHERE (of_theirs.tenant_id, of_theirs.member_id)"
        "  = (member.tenant_id, member.member_id)), '[]') AS workspaces FROM member"
    )
    found: dict[str, tuple[Hashable, ...]] = {}
    for row in rows:
        (external_id,) = row["external_ids"]  # one person, one member
        assert external_id not in found, external_id
        workspaces = tuple(tuple(each) for each in row["workspaces"])
        has: tuple[Hashable, ...] = (row["standing"], row["role"], workspaces)
        found[external_id] = has if row["standing"] == "none" else (*has, row["email"])
    people = {
        f"{company.directory_id}/{each.name}": (company, each)
        for company in companies
        for each in company.people.values()
    }
    expected = {key: company.access_of(each) for key, (company, each) in people.items()}
    _require_same(found, expected, {key: each for key, (_, each) in people.items()})


def sessions_end_with_access(
    world: World, companies: Sequence[Company], opened: set[truth.Opened]
) -> None:
    """Who is out has none, who always was in has all of theirs; in between the events count."""
    left = {
        table: {truth.Opened(*row.values()) for row in world.rows(query)}
        for table, query in (
            ("session", truth._VALID.format(table="session", id="session_id", also="")),
            (
                "key",
                truth._VALID.format(table="api_key", id="key_id", also="AND revoked_at IS NULL"),
            ),
        )
    }
    assert left["session"] == left["key"]
    members = world.rows("SELECT tenant_id, member_id, external_ids FROM member")
    ids = {(row["tenant_id"], row["member_id"]): row["external_ids"][0] for row in members}
    person = {
        f"{company.directory_id}/{each.name}": each
        for company in companies
        for each in company.people.values()
    }
    of = {each: person[ids[each.tenant_id, each.member_id]] for each in opened}
    out = [e for e in left["session"] if not (of[e].here and of[e].wanted["active"])]
    assert not out, story(of[out[0]])
    lost = [e for e in opened if not of[e].departed and e not in left["session"]]
    assert not lost, story(of[lost[0]])
    ended = truth._ended(world)
    assert left["session"] == {
        each for each in opened if each.revision > ended.get((each.tenant_id, each.member_id), -1)
    }


def each_change_has_one_outcome(world: World) -> None:
    """Whether or not somebody still waited for it; none is an error of our own."""
    changes: list[Any] = [change for lane in topics.LANES for change in world.messages(lane.name)]
    asked = Counter(each.change_id for each in changes if isinstance(each, ScimChange))
    events = world.messages("directory-events")
    told = Counter(e.cause for e in events if isinstance(e, ChangeSettled) and e.directory_id)
    rows = world.rows("SELECT change_id FROM outcome")
    assert told == asked
    assert told.keys() <= {row["change_id"] for row in rows}
    assert not [status for status in outcomes(world) if status >= 500]


def outcomes(world: World) -> dict[int, int]:
    """How many changes ended with each status; 412: built on something older, or come late."""
    rows = world.rows("SELECT status, count(*) AS times FROM outcome GROUP BY 1 ORDER BY 1")
    return {row["status"]: row["times"] for row in rows}


def _listed(http: httpx2.Client, endpoint: str) -> Iterator[Body]:
    """All resources of a directory, page by page."""
    start = 1
    while True:
        answer = http.get(endpoint, params={"startIndex": start, "count": 200})
        assert answer.status_code == 200, answer.text
        page = answer.json().get("Resources", [])
        yield from page
        start += len(page)
        if start > answer.json()["totalResults"]:
            return


def _like(user: Body, people: Mapping[str, Person]) -> Body:
    """What a user shows of what the IdP sends; all of somebody whom it does not know."""
    known = people.get(user["externalId"])
    return user if known is None else {name: user.get(name) for name in known.wanted}


def _require_same(
    found: Mapping[str, object], expected: Mapping[str, object], about: Mapping[str, Resource]
) -> None:
    wrong = [key for key in found | expected if found.get(key) != expected.get(key)]  # type: ignore[operator] # both are dicts
    told = [
        f"{key}\n  found    {found.get(key)}\n  expected {expected.get(key)}"
        + (story(about[key]) if key in about else "\n  nobody knows it")
        for key in wrong[:SHOWN]
    ]
    assert not wrong, f"{len(wrong)} are wrong:\n" + "\n".join(told)


def story(resource: Resource) -> str:
    """Everything that was sent about something, and the answers."""
    return "".join(f"\n    {line}" for line in (f"{resource.name}, {resource.id}", *resource.told))
