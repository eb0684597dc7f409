"""What the admin API shows of the read models, and of whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.ingest import rows
from tests.ingest.conftest import Door

ADA = "/api/tenants/acme/members/ada"
BOB = "/api/tenants/acme/members/bob"


@pytest.fixture
def acme(door: Door) -> Door:
    door.write(*rows.company("acme"), *rows.company("other"))
    return door


def get(door: Door, url: str) -> Any:
    answer = door.http.get(url)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_tenant_sees_its_own_and_nothing_else(acme: Door) -> None:
    tenants = get(acme, "/api/tenants")["tenants"]
    assert [tenant["tenant_id"] for tenant in tenants] == ["acme", "other"]
    for tenant, stranger in (("acme", "other"), ("other", "acme")):
        for part in ("roles", "workspaces", "directories", "mappings", "members", "audit"):
            body = get(acme, f"/api/tenants/{tenant}/{part}")
            assert body[{"audit": "entries"}.get(part, part)]
            assert stranger not in acme.http.get(f"/api/tenants/{tenant}/{part}").text
        assert stranger not in acme.http.get(f"/api/tenants/{tenant}/members/ada").text
    acme.write(rows.member("other", "eve"))
    assert acme.http.get("/api/tenants/acme/members/eve").status_code == 404
    session = acme.http.post("/api/tenants/acme/members/eve/sessions", json={"label": "x"})
    assert session.status_code == 404


def test_row_level_security_holds_without_any_filter(acme: Door) -> None:
    with acme.gateway.database.tenant("acme") as connection:
        for table in ("role", "member", "directory_user", "membership", "audit_entry"):
            tenants = connection.exec_driver_sql(f"SELECT DISTINCT tenant_id FROM {table}")
            assert tenants.scalars().all() == ["acme"]
    with acme.gateway.database.across_tenants() as connection:
        assert connection.exec_driver_sql("SELECT 1 FROM member").all() == []


def test_the_lists_have_the_documented_shape(acme: Door) -> None:
    assert get(acme, "/api/tenants/acme/roles") == {
        "roles": [
            {"slug": "admin", "rank": 9, "is_admin": True},
            {"slug": "viewer", "rank": 1, "is_admin": False},
        ]
    }
    assert get(acme, "/api/tenants/acme/workspaces") == {
        "workspaces": [{"slug": "sales", "name": "Sales of acme"}]
    }
    assert get(acme, "/api/tenants/acme/directories") == {
        "directories": [
            {
                "directory_id": "acme-okta",
                "name": "Okta",
                "provider": "okta",
                "kind": "workos",
                "mode": "active",
                "connected": True,
                "on_disconnect": "keep",
                "ended_at": None,
                "replaces": None,
                "replaced_by": None,
            }
        ]
    }
    assert get(acme, "/api/tenants/acme/mappings") == {
        "mappings": [
            {
                "directory_id": "acme-okta",
                "group_id": "group-1",
                "group_name": "Admins of acme",
                "role": "admin",
                "workspaces": [{"workspace": "sales", "role": None}],
            }
        ]
    }


def test_a_member_is_shown_with_all_that_explains_them(acme: Door) -> None:
    shown = get(acme, ADA)
    users = shown.pop("users")
    assert (shown.pop("sessions"), shown.pop("api_keys")) == ([], [])
    assert shown.pop("manual") is None
    assert users == [
        {
            "directory_id": "acme-okta",
            "user_id": "user-ada",
            "idp_id": "ada",
            "active": True,
            "deleted": False,
            "groups": [{"group_id": "group-1", "name": "Admins of acme"}],
        }
    ]
    assert shown == {
        "member_id": "ada",
        "product_id": None,
        "external_ids": ["acme-okta/ada"],
        "email": "ada@acme.example",
        "display_name": "Ada",
        "standing": "active",
        "role": "admin",
        "workspaces": [{"workspace": "sales", "role": None}],
        "revision": 1,
        "changed_at": "2026-01-01T00:00:00Z",
    }
    assert get(acme, "/api/tenants/acme/members?role=admin")["members"] == [shown]


def test_members_are_filtered_and_paged(acme: Door) -> None:
    acme.write(*(rows.member("acme", f"m{number}") for number in range(5)))

    def ids(query: str) -> tuple[list[str], str | None]:
        page = get(acme, f"/api/tenants/acme/members?{query}")
        return [member["member_id"] for member in page["members"]], page["after"]

    assert ids("") == (["ada", "bob", "m0", "m1", "m2", "m3", "m4"], None)
    assert ids("standing=none") == (["bob"], None)
    assert ids("role=admin") == (["ada"], None)
    assert ids("workspace=sales") == (["ada"], None)
    assert ids("email=M3@ACME.example") == (["m3"], None)
    assert ids("role=viewer&workspace=sales") == ([], None)
    assert ids("limit=3") == (["ada", "bob", "m0"], "m0")
    assert ids("limit=3&after=m0") == (["m1", "m2", "m3"], "m3")
    assert ids("limit=3&after=m3") == (["m4"], None)
    assert ids("limit=1&after=m3") == (["m4"], None)


def test_a_comparison_lists_each_group_without_mapping_once_and_who_has_its_name(
    acme: Door,
) -> None:
    """Of several groups of that name, which IdPs may send, the first; none that is deleted."""
    acme.write(*rows.directory("acme", "new"))
    acme.administer("UPDATE directory SET replaces = 'acme-okta' WHERE directory_id = 'new'")
    groups = [("acme-okta", each, each.title(), False) for each in ("gone", "mapped", "twice")]
    groups += [("new", "1", "Gone", True), ("new", "2", "Mapped", False)]
    groups += [("new", str(n), "Twice", deleted) for n, deleted in ((3, True), (4, False))]
    groups += [("new", "5", "Twice", False), ("new", "6", "Mapped", False)]
    mappings = [("acme-okta", each) for each in ("gone", "mapped", "twice")] + [("new", "2")]
    life = {"resource": {}, "revision": 1, "created_at": rows.LONG_AGO, "tenant_id": "acme"}
    grants = {"tenant_id": "acme", "role": "viewer", "workspaces": []}
    acme.write(
        *(
            rows.insert("directory_group", **life, directory_id=d, group_id=g, name=n, deleted=x)
            for d, g, n, x in groups
        ),
        *(rows.insert("group_mapping", **grants, directory_id=d, group_id=g) for d, g in mappings),
    )
    found = get(acme, "/api/tenants/acme/directories/new/comparison")["unmapped_groups"]
    expected = [("Admins of acme", None), ("Gone", None), ("Twice", "4")]
    assert [(each["name"], each["group_id"]) for each in found] == expected
    assert [each["role"] for each in found] == ["admin", "viewer", "viewer"]


def test_the_audit_log_is_filtered_and_paged(acme: Door) -> None:
    acme.write(
        rows.audit_entry("acme", 2, member_id=None, role_to=None),
        rows.audit_entry("acme", 3, member_id="bob"),
        rows.audit_entry("acme", 4, role_to="viewer"),
    )

    def sequences(query: str) -> tuple[list[int], int | None]:
        page = get(acme, f"/api/tenants/acme/audit?{query}")
        return [entry["sequence"] for entry in page["entries"]], page["before"]

    assert sequences("") == ([4, 3, 2, 1], None)
    assert sequences("member=ada") == ([4, 1], None)
    assert sequences("role_to=admin") == ([3, 1], None)
    assert sequences("since=2026-01-04T00:00:00Z") == ([4, 3], None)
    assert sequences("since=2026-01-04") == ([4, 3], None)
    assert sequences("limit=2") == ([4, 3], 3)
    assert sequences("limit=2&before=3") == ([2, 1], None)
    (entry,) = get(acme, "/api/tenants/acme/audit?before=2")["entries"]
    assert entry == {
        "sequence": 1,
        "entry_id": "entry-1",
        "decision": "changed",
        "subject": "member/ada",
        "actor": "directory/okta",
        "member_id": "ada",
        "role_from": "viewer",
        "role_to": "admin",
        "sentence": "Sentence 1 of acme",
        "occurred_at": "2026-01-01T00:00:00Z",
        "recorded_at": "2026-01-02T00:00:00Z",
        "because": {"kind": "group", "id": "g", "name": "Platform Admins"},
    }


def test_sessions_and_keys_are_made_listed_and_void_after_the_cutoff(acme: Door) -> None:
    session = acme.http.post(f"{ADA}/sessions", json={"label": "Laptop"})
    key = acme.http.post(f"{ADA}/api-keys", json={"label": "CI"})
    assert (session.status_code, key.status_code) == (201, 201)
    assert session.json().keys() == {"session_id", "label", "created_at"}
    assert get(acme, f"{ADA}/sessions") == {"sessions": [session.json()]}
    assert get(acme, f"{ADA}/api-keys") == {"api_keys": [key.json() | {"revoked_at": None}]}

    made = datetime.fromisoformat(session.json()["created_at"])
    cutoff = {"tenant_id": "acme", "member_id": "ada", "login_cutoff": made, "login_revision": 2}
    acme.write(rows.insert("member_cutoff", **cutoff))
    assert get(acme, f"{ADA}/sessions") == {"sessions": []}
    assert get(acme, f"{ADA}/api-keys")["api_keys"][0]["revoked_at"] is not None
    # directory_view has yet to show the deactivation: nobody gets in meanwhile
    assert acme.http.post(f"{ADA}/sessions", json={"label": "Phone"}).status_code == 409
    acme.write(("UPDATE member SET revision = 3 WHERE member_id = %(id)s", {"id": "ada"}))
    later = acme.http.post(f"{ADA}/sessions", json={"label": "Phone"}).json()
    shown = get(acme, ADA)
    assert (shown["sessions"], len(shown["api_keys"])) == ([later], 1)
    assert datetime.now(UTC) - made < timedelta(minutes=1)


def test_nobody_without_access_logs_in(acme: Door) -> None:
    for part in ("sessions", "api-keys"):
        answer = acme.http.post(f"{BOB}/{part}", json={"label": "Laptop"})
        assert (answer.status_code, answer.json()["error"]) == (409, "no_access")
        missing = acme.http.post(f"/api/tenants/acme/members/x/{part}", json={"label": "L"})
        assert missing.status_code == 404
        assert acme.http.get(f"/api/tenants/acme/members/x/{part}").status_code == 404
    assert get(acme, f"{BOB}/sessions") == {"sessions": []}
