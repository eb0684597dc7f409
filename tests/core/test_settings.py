"""What the product sets through the admin API: answered, audited, refused where it cannot be."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas import limits
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.events import (
    AuditEntry,
    MemberDeactivated,
    MemberProvisioned,
    MemberRoleChanged,
    MemberWorkspacesChanged,
    PersonDeprovisioned,
)
from schemas.recorded import (
    ChangeSettled,
    DirectoryRecorded,
    MappingRecorded,
    RoleRecorded,
    TenantRecorded,
    WorkspaceRecorded,
)
from schemas.settings_changes import AnySettingsChange
from schemas.settings_state import Mapping, Tenant
from tests.core.scenario import (
    DIRECTORY,
    TENANT,
    World,
    access,
    acme,
    at_end,
    directory,
    directory_deleted,
    grant,
    joined,
    mapping,
    reported,
    role,
    tenant,
    workspace,
)


def answer(world: World) -> tuple[int, dict[str, Any]]:
    """Status and body; settling comes last of a change's directory events."""
    settled = world.the(ChangeSettled)
    assert world.outputs[-1] is settled
    return settled.status, settled.body


def test_a_tenant_is_made_once_and_keeps_its_name() -> None:
    world = World()
    world.when(tenant())
    status, body = answer(world)
    assert (status, body["tenant_id"], body["name"]) == (201, "acme", "Acme")
    assert (body["default_role"], body["sole_admin"], body["breaker"]) == (None, "allow", "off")
    assert world.the(TenantRecorded).name == "Acme"
    world.when(tenant())
    assert answer(world)[0] == 200
    assert world.sentences() == []
    world.when(tenant(name="Apex"))
    assert answer(world) == (409, {"error": "taken", "detail": "acme is Acme's id"})
    assert world.sentences() == ["Refused: acme is Acme's id."]


@pytest.mark.parametrize(
    "change",
    [
        role("admin", 30),
        workspace("design"),
        directory(),
        at_end("deactivate"),
        mapping("admins", "admin"),
    ],
    ids=["role", "workspace", "directory", "end of a directory", "mapping"],
)
def test_nothing_is_set_for_a_tenant_that_does_not_exist(change: AnySettingsChange) -> None:
    world = World()
    assert world.when(change).outcome == "refused"
    detail = "no tenant acme: create it first"
    assert answer(world) == (404, {"error": "unknown_tenant", "detail": detail})
    assert world.store.values == {}


def test_a_role_is_set_and_may_become_the_default() -> None:
    world = World().given(tenant())
    world.when(role("admin", 30, admin=True, default=True))
    assert answer(world) == (
        200,
        {"slug": "admin", "rank": 30, "is_admin": True, "is_default": True},
    )
    assert world.the(RoleRecorded).is_admin
    assert world.the(TenantRecorded).default_role == "admin"
    assert world.sentences() == ["The role admin was set: rank 30, an admin role, the default."]
    assert world.records("tenant", Tenant) == {}, "a tenant is no list"


def test_the_same_role_again_changes_nothing() -> None:
    world = acme()
    decision = world.when(role("viewer", 10))
    assert (decision.outcome, dict(decision.writes)) == ("repeat", {})
    assert answer(world)[0] == 200


def test_a_tenant_has_only_so_many_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROLES_PER_TENANT", 3)
    world = acme()
    world.when(role("owner", 40))
    assert answer(world)[0] == 422
    world.when(role("viewer", 11))
    assert answer(world)[0] == 200


def test_a_workspace_is_made_once_and_keeps_its_name() -> None:
    world = World().given(tenant())
    world.when(workspace("design"))
    assert answer(world) == (201, {"slug": "design", "name": "Design"})
    assert world.the(WorkspaceRecorded).name == "Design"
    world.when(workspace("design"))
    assert answer(world)[0] == 200
    world.when(workspace("design", "Deco"))
    assert answer(world) == (409, {"error": "taken", "detail": "design is Design's slug"})


def test_a_directory_is_connected_once() -> None:
    world = World().given(tenant())
    body = {
        "directory_id": DIRECTORY,
        "name": "Acme Okta",
        "provider": "okta",
        "kind": "workos",
        "mode": "active",
        "connected": True,
        "on_disconnect": "keep",
        "ended_at": None,
        "replaces": None,
        "replaced_by": None,
    }
    world.when(directory())
    assert answer(world) == (201, body)
    assert world.sentences() == ["The directory Acme Okta was connected."]
    assert world.the(DirectoryRecorded).on_disconnect == "keep"
    world.when(directory())
    assert answer(world) == (200, body)
    world.when(directory(provider="entra"))
    detail = "directory_okta is already there as Acme Okta (okta)"
    assert answer(world) == (409, {"error": "taken", "detail": detail})


def test_a_directory_that_is_created_again_stays_as_it_became() -> None:
    world = acme().given(at_end("deactivate"), directory_deleted())
    assert world.when(directory()).outcome == "repeat"
    status, body = answer(world)
    assert (status, body["connected"], body["on_disconnect"]) == (200, False, "deactivate")
    world.when(directory(name="Okta"))
    assert answer(world)[0] == 409


def test_what_a_directorys_end_means_is_set() -> None:
    world = acme()
    world.when(at_end("deactivate"))
    body = {
        "directory_id": DIRECTORY,
        "name": "Acme Okta",
        "provider": "okta",
        "kind": "workos",
        "mode": "active",
        "connected": True,
        "on_disconnect": "deactivate",
        "ended_at": None,
        "replaces": None,
        "replaced_by": None,
    }
    assert answer(world) == (200, body)
    assert world.the(DirectoryRecorded).on_disconnect == "deactivate"
    assert world.sentences() == ["From now on people of Acme Okta lose their access when it ends."]
    assert world.work_through() == 0, "there is no end yet"
    assert world.when(at_end("deactivate")).outcome == "repeat"
    assert (answer(world), world.sentences()) == ((200, body), [])


def test_the_end_of_a_directory_that_is_not_there_means_nothing() -> None:
    world = acme()
    assert world.when(at_end("keep", directory="d-9")).outcome == "refused"
    detail = "no directory d-9 in this tenant"
    assert answer(world) == (404, {"error": "unknown_directory", "detail": detail})
    assert world.sentences() == [f"Refused: {detail}."]


def test_a_mapping_is_answered_with_what_it_grants() -> None:
    world = acme()
    world.when(mapping("leads", "admin", grant("sales"), grant("design", "viewer")))
    workspaces = [
        {"workspace": "design", "role": "viewer"},
        {"workspace": "sales", "role": None},
    ]
    assert answer(world) == (
        200,
        {
            "directory_id": DIRECTORY,
            "group_id": "leads",
            "role": "admin",
            "workspaces": workspaces,
        },
    )
    assert world.the(MappingRecorded).workspaces == (grant("design", "viewer"), grant("sales"))
    assert world.sentences() == [
        "The group leads now grants the role admin, the workspace design, the workspace sales."
    ]
    world.when(mapping("leads", "admin", grant("design", "viewer"), grant("sales")))
    assert (answer(world)[0], world.sentences()) == (200, [])


def test_a_mapping_to_nothing_is_no_mapping() -> None:
    world = acme()
    world.when(mapping("admins"))
    assert (DIRECTORY, "admins") not in world.records("mapping", Mapping)
    assert world.sentences() == ["The group Platform Admins now grants nothing."]
    assert world.when(mapping("ghosts")).outcome == "repeat"


@pytest.mark.parametrize(
    ("change", "status", "error", "detail"),
    [
        (
            mapping("g", "admin", directory="d-9"),
            404,
            "unknown_directory",
            "no directory d-9 in this tenant",
        ),
        (mapping("g", "owner"), 422, "unknown_role", "no role owner: set it first"),
        (
            mapping("g", None, grant("design", "owner")),
            422,
            "unknown_role",
            "no role owner: set it first",
        ),
        (
            mapping("g", None, grant("legal")),
            422,
            "unknown_workspace",
            "no workspace legal: create it first",
        ),
        (
            mapping("g", None, grant("design"), grant("design", "admin")),
            422,
            "workspace_twice",
            "name each workspace once",
        ),
    ],
    ids=["directory", "role", "role in a workspace", "workspace", "twice"],
)
def test_a_mapping_names_only_what_exists(
    change: AnySettingsChange, status: int, error: str, detail: str
) -> None:
    world = acme()
    assert world.when(change).outcome == "refused"
    assert answer(world) == (status, {"error": error, "detail": detail})
    assert (world.the(AuditEntry).decision, world.sentences()) == (
        "refused",
        [f"Refused: {detail}."],
    )
    assert ("d-9", "g") not in world.records("mapping", Mapping)


def test_a_mapping_grants_only_so_many_workspaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WORKSPACES_PER_MAPPING", 1)
    world = acme()
    world.when(mapping("g", None, grant("design"), grant("sales")))
    assert answer(world)[0] == 422


def test_nobody_is_answered_who_does_not_wait() -> None:
    world = World()
    world.when(replace(tenant(), reply=False))
    assert world.all(ChangeSettled) == []
    assert world.sentences() == ["The tenant Acme was created."]
    assert world.the(AuditEntry).actor == "admin-api"


def test_the_policy_of_another_tenant_stays_as_it_is() -> None:
    world = acme().given(tenant("bolt", "Bolt"))
    before = world.store.get(b"tenant\0acme")
    world.when(role("admin", 1, tenant_id="bolt"))
    assert world.store.get(b"tenant\0acme") == before
    assert TENANT == "acme"


def test_a_mapping_after_the_sync_reaches_who_is_in_the_group() -> None:
    world = acme().given(reported("ann"), joined("ann", "leads"), reported("bo"))
    world.when(mapping("leads", "admin", grant("sales")))
    world.then()
    world.work_through()
    world.then(MemberRoleChanged, MemberWorkspacesChanged)
    assert world.access_of("ann") == access("admin", grant("sales"))
    assert world.sentences()[-1] == (
        "Ann Lee became admin and joined sales because the mapping of leads was set."
    )


def test_a_mapping_taken_away_takes_away() -> None:
    world = acme().given(
        role("member", 20, default=False), reported("ann"), joined("ann", "admins")
    )
    world.when(mapping("admins"))
    world.work_through()
    world.then(MemberDeactivated, PersonDeprovisioned, RevokeSessions)
    assert world.the(MemberDeactivated).reason == "no_mapped_group"
    assert world.the(MemberDeactivated).directory_id is None, "the admin API caused it"


def test_ranks_that_change_after_the_sync_rank_members_anew() -> None:
    world = acme().given(mapping("viewers", "viewer"), reported("ann"))
    world.given(joined("ann", "admins"), joined("ann", "viewers"))
    assert world.access_of("ann") == access("admin")
    world.when(role("viewer", 40))
    world.work_through()
    world.then(MemberRoleChanged, RefreshClaims)
    assert world.access_of("ann") == access("viewer")


def test_a_new_default_role_reaches_who_is_in_no_mapped_group() -> None:
    world = acme().given(reported("ann"), reported("bo"), joined("bo", "admins"))
    world.when(role("viewer", 10, default=True))
    world.work_through()
    world.then(MemberRoleChanged, RefreshClaims)
    assert (world.access_of("ann"), world.access_of("bo")) == (access("viewer"), access("admin"))


def test_a_first_default_role_lets_in_who_waited() -> None:
    world = acme().given(role("member", 20, default=False), reported("ann"))
    world.when(role("member", 20, default=True))
    world.work_through()
    world.then(MemberProvisioned)
    assert world.sentences()[-1] == "Ann Lee joined as member because the role member was set."
