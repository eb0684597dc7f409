"""Who may do what: groups, mapping and policy add up to a role and workspaces."""

from schemas.commands import RefreshClaims, RevokeSessions
from schemas.events import (
    MemberDeactivated,
    MemberProfileChanged,
    MemberProvisioned,
    MemberReactivated,
    MemberRoleChanged,
    MemberWorkspacesChanged,
    PersonDeprovisioned,
    PersonRestored,
)
from schemas.recorded import GroupRecorded
from schemas.state import DirectoryGroup
from tests.core.scenario import (
    DIRECTORY,
    access,
    acme,
    deleted,
    directory,
    grant,
    group,
    joined,
    left,
    mapping,
    reported,
    role,
)

DEPRIVED = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)


def test_a_person_in_no_mapped_group_gets_the_default_role() -> None:
    world = acme()
    world.when(reported("ann"))
    world.then(MemberProvisioned)
    assert world.access_of("ann") == access("member")
    assert world.the(MemberProvisioned).access == access("member")


def test_without_a_default_role_only_mapped_groups_give_access() -> None:
    world = acme().given(role("member", 20, default=False))
    world.when(reported("ann"), group("staff", "Staff"), joined("ann", "staff"))
    world.then()
    assert world.access_of("ann").standing == "none"
    world.when(joined("ann", "admins"))
    world.then(MemberProvisioned)
    assert world.access_of("ann") == access("admin")


def test_leaving_the_last_mapped_group_ends_access_where_there_is_no_default_role() -> None:
    world = acme().given(
        role("member", 20, default=False), reported("ann"), joined("ann", "admins")
    )
    world.when(left("ann", "admins"))
    world.then(*DEPRIVED)
    assert world.the(PersonDeprovisioned).reason == "no_mapped_group"


def test_a_name_grants_nothing_by_itself() -> None:
    world = acme().given(reported("ann"))
    world.when(group("g-77", "Platform Admins"), joined("ann", "g-77"))
    world.then()
    assert world.access_of("ann") == access("member")


def test_a_group_that_is_renamed_grants_what_it_granted_even_under_another_idp_id() -> None:
    world = acme().given(group("admins", "Admins", idp_id="Admins"))
    world.given(reported("ann"), joined("ann", "admins"))
    world.when(group("admins", "Owners", idp_id="Owners"))  # Okta's id of a group is its name
    world.then()
    assert world.the(GroupRecorded).name == "Owners"
    assert world.records("group", DirectoryGroup)[DIRECTORY, "admins"].idp_id == "Owners"
    assert world.access_of("ann") == access("admin")
    world.when(reported("bo"), joined("bo", "admins"))
    assert world.access_of("bo") == access("admin")


def test_the_highest_rank_wins_whatever_the_order_of_joining() -> None:
    world = acme().given(mapping("viewers", "viewer"), reported("ann"))
    world.when(joined("ann", "admins"), joined("ann", "viewers"))
    world.then(MemberRoleChanged)
    assert world.access_of("ann") == access("admin")


def test_a_mapped_role_replaces_the_default_one_even_if_it_ranks_lower() -> None:
    world = acme().given(mapping("viewers", "viewer"), reported("ann"))
    world.when(joined("ann", "viewers"))
    world.then(MemberRoleChanged, RefreshClaims)
    assert world.access_of("ann") == access("viewer")


def test_roles_of_equal_rank_go_by_name() -> None:
    world = acme().given(role("editor", 30), mapping("editors", "editor"), reported("ann"))
    world.when(joined("ann", "admins"), joined("ann", "editors"))
    assert world.access_of("ann") == access("editor")


def test_workspaces_add_up() -> None:
    world = acme().given(mapping("sellers", None, grant("sales")), reported("ann"))
    world.when(joined("ann", "designers"), joined("ann", "sellers"))
    world.then(MemberWorkspacesChanged, MemberWorkspacesChanged)
    assert world.access_of("ann") == access("member", grant("design", "viewer"), grant("sales"))


def test_the_highest_role_in_a_workspace_wins() -> None:
    world = acme().given(
        mapping("leads", "admin", grant("design", "admin")),
        mapping("guests", None, grant("design")),
        reported("ann"),
    )
    world.when(joined("ann", "leads"), joined("ann", "designers"), joined("ann", "guests"))
    assert world.access_of("ann") == access("admin", grant("design", "admin"))


def test_role_and_workspaces_may_change_at_once() -> None:
    world = acme().given(mapping("leads", "admin", grant("design")), reported("ann"))
    world.when(joined("ann", "leads"))
    world.then(MemberRoleChanged, MemberWorkspacesChanged)
    assert [event.revision for event in world.all(MemberRoleChanged)] == [2]
    assert world.the(MemberWorkspacesChanged).revision == 3
    assert world.sentences() == [
        "Ann Lee became admin and joined design because Okta added them to leads."
    ]


def test_a_promotion_leaves_tokens_alone() -> None:
    world = acme().given(reported("ann"))
    world.when(joined("ann", "admins"))
    world.then(MemberRoleChanged)
    assert (world.the(MemberRoleChanged).role_from, world.access_of("ann").role) == (
        "member",
        "admin",
    )


def test_a_demotion_refreshes_claims_and_ends_no_session() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    world.when(left("ann", "admins"))
    world.then(MemberRoleChanged, RefreshClaims)
    command = world.the(RefreshClaims)
    assert (command.role_from, command.role_to) == ("admin", "member")
    assert command.member.member_id == world.member_id("ann")


def test_losing_admin_refreshes_claims_even_where_the_new_role_ranks_higher() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"), role("lead", 40))
    world.given(mapping("leads", "lead"))
    world.when(joined("ann", "leads"))
    world.then(MemberRoleChanged, RefreshClaims)
    assert world.the(RefreshClaims).role_to == "lead"


def test_a_new_name_and_new_attributes_are_told() -> None:
    world = acme().given(reported("ann"))
    world.when(reported("ann", last_name="Ray", attributes={"title": "Lead"}))
    world.then(MemberProfileChanged)
    event = world.the(MemberProfileChanged)
    assert (event.member.display_name, event.attributes) == ("Ann Ray", {"title": "Lead"})


def test_a_profile_is_told_before_the_access_that_changes_with_it() -> None:
    world = acme().given(reported("ann"))
    world.when(reported("ann", active=False, last_name="Ray"))
    world.then(MemberProfileChanged, *DEPRIVED)
    assert len(world.sentences()) == 1, "one decision, one audit entry"


def test_the_profile_of_somebody_without_access_is_nobodys_news() -> None:
    world = acme().given(role("member", 20, default=False), reported("ann"))
    world.when(reported("ann", last_name="Ray"))
    world.then()
    world.when(joined("ann", "admins"))
    assert world.the(MemberProvisioned).member.display_name == "Ann Ray"


def test_the_same_id_at_another_directory_is_another_person() -> None:
    world = acme().given(directory("directory_entra", "Acme Entra", "entra"), reported("ann"))
    world.when(reported("ann", directory="directory_entra"))
    world.then(MemberProvisioned)
    there, here = world.member_id("ann", "directory_entra"), world.member_id("ann", DIRECTORY)
    assert there != here


def test_a_group_of_one_directory_is_nothing_to_another() -> None:
    world = acme().given(
        directory("directory_entra", "Acme Entra", "entra"),
        reported("ann", directory="directory_entra"),
    )
    world.when(joined("ann", "admins", directory="directory_entra"))
    world.then()
    assert world.access_of("ann", "directory_entra") == access("member")


def test_two_directory_users_of_one_person_add_up_until_one_is_gone() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    world.when(reported("ann", as_user="ann-2"), joined("ann-2", "designers"))
    assert world.access_of("ann") == access("admin", grant("design", "viewer"))
    world.when(deleted("ann"))
    world.then(MemberRoleChanged, RefreshClaims)
    assert world.access_of("ann") == access("member", grant("design", "viewer"))


def test_events_carry_who_what_when_and_why() -> None:
    world = acme().given(reported("ann"))
    change = joined("ann", "admins")
    world.when(change)
    event = world.the(MemberRoleChanged)
    assert event.member == world.the(MemberRoleChanged).member
    assert event.member.external_ids == (f"{DIRECTORY}/00u-ann",)
    assert event.member.email == "ann@acme.example"
    assert (event.tenant_id, event.directory_id, event.cause) == (
        "acme",
        DIRECTORY,
        change.change_id,
    )
    assert (event.occurred_at, event.recorded_at) == (change.stamp.at, change.recorded_at)
    assert (event.because.kind, event.because.id, event.because.name) == (
        "group",
        "admins",
        "Platform Admins",
    )


def test_a_first_report_explains_the_role_by_the_rule_that_gave_it() -> None:
    world = acme().given(joined("ann", "admins"))
    world.when(reported("ann"), reported("bo"))
    ann, bo = world.all(MemberProvisioned)
    assert (ann.because.kind, ann.because.name) == ("group", "Platform Admins")
    assert (bo.because.kind, bo.because.name) == ("default_role", "member")


def test_restored_means_reactivated_and_nothing_else() -> None:
    world = acme().given(reported("ann"), reported("ann", active=False))
    world.when(reported("ann"))
    world.then(MemberReactivated, PersonRestored)
