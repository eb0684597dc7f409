"""Losing access (mode `immediate`) and getting it back."""

from schemas.access import NO_ACCESS
from schemas.commands import RevokeSessions
from schemas.events import (
    MemberDeactivated,
    MemberProvisioned,
    MemberReactivated,
    MemberRoleChanged,
    PersonDeprovisioned,
    PersonRestored,
)
from schemas.recorded import UserRecorded
from schemas.state import DirectoryUser, Member
from tests.core.scenario import (
    access,
    acme,
    deactivated,
    deleted,
    directory,
    group_deleted,
    joined,
    left,
    mapping,
    reported,
    role,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)


def test_a_deactivation_cuts_off_once() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    world.when(deactivated("ann"))
    world.then(*CUT_OFF)
    assert world.access_of("ann").standing == "none"
    told = world.the(PersonDeprovisioned)
    assert (told.reason, told.access_before) == ("deactivated", access("admin"))
    assert world.the(RevokeSessions).reason == "deactivated"
    world.when(deactivated("ann"))
    world.then()


def test_a_deletion_cuts_off_and_keeps_the_history() -> None:
    world = acme().given(reported("ann"))
    world.when(deleted("ann"))
    world.then(*CUT_OFF)
    assert world.the(PersonDeprovisioned).reason == "deleted"
    assert world.member("ann").display_name == "Ann Lee"
    assert world.the(UserRecorded).deleted


def test_the_command_names_whom_it_cuts_off_without_a_look_up() -> None:
    world = acme().given(reported("ann"))
    world.when(deleted("ann"))
    who = world.the(RevokeSessions).member
    assert (who.member_id, who.email) == (world.member_id("ann"), "ann@acme.example")


def test_deleting_somebody_who_was_deactivated_tells_nobody_again() -> None:
    world = acme().given(reported("ann"), deactivated("ann"))
    world.when(deleted("ann"))
    world.then()
    assert world.sentences() == ["Okta deleted Ann Lee."]


def test_deleting_somebody_who_never_had_access_deprovisions_nobody() -> None:
    world = acme().given(role("member", 20, default=False), reported("ann"))
    world.when(deleted("ann"))
    world.then()


def test_a_deletion_of_somebody_unknown_makes_nobody() -> None:
    world = acme()
    world.when(deleted("ghost"))
    world.then()
    assert len(world.outputs) == 1, "an audit entry and nothing else"
    assert world.sentences() == ["Okta deleted ghost, whom nobody had reported."]
    assert world.records("member", Member) == {}


def test_a_second_deletion_of_somebody_unknown_makes_nobody_either() -> None:
    world = acme().given(deleted("ghost"))
    world.when(deleted("ghost"))
    assert world.all(UserRecorded) == []
    assert world.sentences() == ["Okta deleted ghost, whom nobody had reported."]


def test_leaving_a_group_that_one_was_never_in_makes_nobody() -> None:
    world = acme()
    world.when(left("ghost", "admins"))
    world.then()
    assert len(world.outputs) == len(world.sentences()) == 1
    assert world.records("user", DirectoryUser) == {}
    assert world.records("member", Member) == {}


def test_somebody_who_is_first_seen_inactive_is_no_member() -> None:
    world = acme()
    world.when(deactivated("ann"))
    world.then()
    assert world.records("member", Member) == {}
    world.when(reported("ann"))
    world.then(MemberProvisioned)


def test_a_reactivation_gives_what_the_mapping_says_now() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    before = world.member_id("ann")
    world.given(deactivated("ann"), mapping("admins", "viewer"))
    world.when(reported("ann"))
    world.then(MemberReactivated, PersonRestored)
    assert world.the(PersonRestored).access == access("viewer") == world.access_of("ann")
    assert world.member_id("ann") == before


def test_groups_that_change_while_somebody_is_inactive_count_on_return() -> None:
    world = acme().given(reported("ann"), deactivated("ann"))
    world.when(joined("ann", "admins"))
    world.then()
    world.when(reported("ann"))
    world.then(MemberReactivated, PersonRestored)
    assert world.access_of("ann") == access("admin")


def test_a_return_under_a_new_user_id_is_the_same_member() -> None:
    world = acme().given(reported("ann", as_user="u-1"))
    before = world.member_id("ann")
    world.given(deleted("u-1"))
    world.when(reported("ann", as_user="u-2"))
    world.then(MemberReactivated, PersonRestored)
    assert world.the(MemberReactivated).member.member_id == before
    assert world.access_of("ann") == access("member")


def test_a_return_that_overtakes_the_deletion_is_the_same_member_and_costs_no_access() -> None:
    world = acme().given(reported("ann", as_user="u-1"))
    gone, back = deleted("u-1"), reported("ann", as_user="u-2")
    world.when(back, gone)
    world.then()
    assert world.access_of("ann") == access("member")


def test_a_return_under_the_same_user_id_leaves_old_memberships_behind() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"), deleted("ann"))
    world.when(reported("ann"))
    world.then(MemberReactivated, PersonRestored)
    assert world.access_of("ann") == access("member")


def test_the_old_memberships_of_a_deleted_user_do_not_count_for_the_new_one() -> None:
    world = acme().given(reported("ann", as_user="u-1"), joined("u-1", "admins"), deleted("u-1"))
    world.when(reported("ann", as_user="u-2"))
    assert world.access_of("ann") == access("member")


def test_a_person_whose_id_at_the_idp_changes_stays_one_member_under_the_new_one() -> None:
    world = acme().given(reported("ann", as_user="u-1"))
    before = world.member_id("ann")
    world.given(reported("annette", as_user="u-1"), deleted("u-1"))
    world.when(reported("annette", as_user="u-2"))
    world.then(MemberReactivated, PersonRestored)
    assert world.the(MemberReactivated).member.member_id == before


def test_who_gets_a_recycled_id_is_somebody_else() -> None:
    world = acme().given(reported("ann", as_user="u-1"), joined("u-1", "admins"))
    holder = world.member_id("ann")
    world.given(reported("annette", as_user="u-1"))
    world.when(reported("ann", as_user="u-2"))
    world.then(MemberProvisioned)
    newcomer = world.the(MemberProvisioned)
    assert newcomer.member.member_id != holder
    assert newcomer.access == access("member")
    assert newcomer.member.external_ids == ("directory_okta/00u-ann",)


def test_no_access_is_lost_while_another_directory_user_is_active() -> None:
    world = acme().given(reported("ann", as_user="u-1"), reported("ann", as_user="u-2"))
    world.when(deactivated("ann", as_user="u-1"))
    world.then()
    world.when(deactivated("ann", as_user="u-2"))
    world.then(*CUT_OFF)


def test_the_same_person_in_another_directory_is_left_alone() -> None:
    world = acme().given(
        directory("directory_entra", "Acme Entra", "entra"),
        reported("ann"),
        reported("ann", directory="directory_entra"),
    )
    world.when(deleted("ann"))
    assert world.access_of("ann").standing == "none"
    assert world.access_of("ann", "directory_entra") == access("member")


def test_the_end_of_a_group_that_gave_the_only_access_cuts_off() -> None:
    world = acme().given(
        role("member", 20, default=False), reported("ann"), joined("ann", "admins")
    )
    world.when(group_deleted("admins"))
    world.work_through()
    world.then(*CUT_OFF)
    assert world.the(MemberDeactivated).reason == "no_mapped_group"
    assert world.sentences()[-1] == (
        "Ann Lee lost all access because Okta deleted the group Platform Admins."
    )


def test_the_end_of_a_group_demotes_those_who_keep_access() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    world.when(group_deleted("admins"))
    world.work_through()
    assert world.the(MemberRoleChanged).role_to == "member"


def test_who_leaves_a_group_that_grants_nothing_any_more_keeps_nothing_of_it() -> None:
    world = acme().given(
        role("member", 20, default=False), reported("ann"), joined("ann", "admins")
    )
    world.when(mapping("admins", None), left("ann", "admins"))  # she leaves before her chunk comes
    world.work_through()
    assert world.access_of("ann") == NO_ACCESS


def test_who_leaves_a_group_that_grants_nothing_any_more_falls_back_to_the_default() -> None:
    world = acme().given(reported("ann"), joined("ann", "admins"))
    world.when(mapping("admins", None), left("ann", "admins"))
    world.work_through()
    assert world.access_of("ann") == access("member")
