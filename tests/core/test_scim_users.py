"""People by SCIM, exchange by exchange (access-rules §2)."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.access import NO_ACCESS
from schemas.changes import AnyChange
from schemas.events import (
    MemberProfileChanged,
    MemberProvisioned,
    MemberReactivated,
    PersonRestored,
)
from schemas.policy import Hold
from schemas.recorded import ChangeSettled, UserRecorded, WarningRecorded
from schemas.scim_state import Named, revision_of
from schemas.settings_changes import DisconnectDirectory
from schemas.state import DirectoryUser, Member
from tests.core.scenario import (
    DIRECTORY,
    World,
    access,
    acme,
    asked,
    idp_id,
    scim_changed,
    scim_created,
    scim_deleted,
    scim_group,
    scim_members,
)
from tests.core.test_breaker import hold_of, says
from tests.core.test_gates import CUT_OFF, held

RETURNED = (MemberReactivated, PersonRestored)


def user(world: World, user_id: str) -> DirectoryUser:
    return world.records("user", DirectoryUser)[DIRECTORY, user_id]


def told(world: World, change: AnyChange) -> tuple[int, Any]:
    """A change arrives; its status, and the id or the error that it is answered with."""
    world.when(change)
    status, body = world.answer()
    if status < 300:
        assert body["revision"] == world.the(ChangeSettled).revision > 0
    return status, body.get("id", body.get("error"))


# --- POST


def test_somebody_new() -> None:
    world = acme("scim")
    assert told(world, scim_created("ann", emails=[{"value": "ann@acme.example"}])) == (201, "ann")
    world.then(MemberProvisioned)
    recorded = world.the(UserRecorded)
    assert (recorded.user_name_key, recorded.external_id) == ("ann@acme.example", idp_id("ann"))
    assert (recorded.active, recorded.email) == (True, "ann@acme.example")
    assert recorded.resource["active"] is True
    assert recorded.revision == revision_of(user(world, "ann").stamp.at)
    assert recorded.created_at == user(world, "ann").stamp.at
    assert world.access_of("ann") == access("member")


def test_somebody_inactive_is_recorded_and_is_no_member() -> None:
    world = acme("scim")
    assert told(world, scim_created("ann", active=False)) == (201, "ann")
    world.then()
    assert world.records("member", Member) == {}
    assert told(world, scim_changed("ann", active=True)) == (200, "ann")
    world.then(MemberProvisioned)


def test_an_active_that_is_removed_changes_nobodys_access() -> None:
    world = acme("scim").given(scim_created("ann"), scim_created("bo", active=False))
    for name, active in (("ann", True), ("bo", False)):
        assert told(world, scim_changed(name, active=None)) == (200, name)
        assert "active" not in user(world, name).resource
        assert user(world, name).active is active
    assert world.access_of("ann") == access("member")


@pytest.mark.parametrize("gone", [False, True])
def test_nobody_takes_the_scim_id_of_another_as_an_id_at_the_idp(gone: bool) -> None:
    """Of whom has no externalId, it is that id."""
    world = acme("scim").given(scim_created("ann", externalId=None), scim_created("bo"))
    if gone:
        world.given(scim_deleted("ann"))
    assert told(world, scim_created("cy", externalId="ann"))[0] == 409
    assert told(world, scim_changed("bo", externalId="ann"))[0] == 409
    assert told(world, scim_changed("bo", externalId="bo")) == (200, "bo")


@pytest.mark.parametrize(
    "again",
    [
        scim_created("ann", as_user="ann-2"),
        scim_created("bo", userName="ANN@Acme.example"),
        scim_created("bo", externalId=idp_id("ann")),
        scim_created("bo", userName="Ann@acme.example", externalId=None, active=False),
    ],
    ids=["the same", "userName in another case", "externalId", "userName alone"],
)
def test_whoever_is_there_and_active_is_there_once(again: AnyChange) -> None:
    world = acme("scim").given(scim_created("ann"))
    assert told(world, again) == (409, "uniqueness")
    assert "The user ann of this directory" in world.answer()[1]["detail"]
    world.then()
    assert list(world.records("user", DirectoryUser)) == [(DIRECTORY, "ann")]


def test_of_eight_at_once_one_is_made() -> None:
    world = acme("scim")
    posts = [world.read(scim_created("ann", as_user=f"ann-{number}")) for number in range(8)]
    assert [told(world, post)[0] for post in posts] == [201] + 7 * [409]
    assert len(world.records("user", DirectoryUser)) == len(world.records("member", Member)) == 1


def test_a_post_whose_first_try_was_given_up_is_answered_like_it() -> None:
    world = acme("scim").given(scim_created("ann"))
    assert told(world, scim_created("ann")) == (201, "ann")
    assert world.outputs == [world.the(ChangeSettled)]


@pytest.mark.parametrize("name", ["ann@acme.example", "ann.ray@acme.example"])
def test_somebody_inactive_returns_under_the_same_id(name: str) -> None:
    world = acme("scim").given(scim_created("ann", title="Lead"), scim_changed("ann", active=False))
    before = world.member_id("ann")
    assert told(world, scim_created("ann", as_user="ann-2", userName=name)) == (201, "ann")
    world.then(MemberProfileChanged, *RETURNED)
    assert world.member_id("ann") == before
    assert "title" not in user(world, "ann").resource, "a POST is the whole resource"
    is_free = name != "ann@acme.example"
    assert told(world, scim_created("bo", userName="ann@acme.example"))[0] == (
        201 if is_free else 409
    )


def test_a_return_does_not_take_the_name_of_somebody_else() -> None:
    world = acme("scim").given(scim_created("ann"), scim_created("bo"))
    world.given(scim_changed("ann", active=False), scim_changed("bo", active=False))
    taken = scim_created("ann", userName="bo@acme.example", as_user="ann-2")
    assert told(world, taken) == (409, "uniqueness")


def test_an_old_address_under_another_id_may_be_somebody_new() -> None:
    world = acme("scim").given(scim_created("ann"), scim_changed("ann", active=False))
    assert told(world, scim_created("andy", userName="ann@acme.example")) == (201, "ann")
    world.then()
    assert held(world, "ann")[1] == "conflict"
    assert user(world, "ann").idp_id == idp_id("ann")


@pytest.mark.parametrize("steps", [1, 2])
def test_so_may_who_gets_another_id_and_then_is_active(steps: int) -> None:
    world = acme("scim").given(scim_created("ann"), scim_changed("ann", active=False))
    if steps == 2:
        world.given(scim_changed("ann", externalId=idp_id("andy")))
    assert told(world, scim_changed("ann", externalId=idp_id("andy"), active=True)) == (200, "ann")
    world.then()
    assert held(world, "ann")[1] == "conflict"


def test_who_was_never_active_is_nobody_yet_and_may_get_another_id() -> None:
    world = acme("scim").given(scim_created("ann", active=False))
    assert told(world, scim_created("andy", userName="ann@acme.example")) == (201, "ann")
    world.then(MemberProvisioned)
    assert world.access_of("andy") == access("member")


def test_a_late_post_after_its_retry_and_a_deletion_makes_nobody() -> None:
    world = acme("scim")
    late = world.read(scim_created("ann", as_user="ann-1"))
    world.given(scim_created("ann", as_user="ann-2"), scim_deleted("ann-2"))
    assert told(world, late) == (412, "stale")
    world.then()
    assert list(world.records("user", DirectoryUser)) == [(DIRECTORY, "ann-2")]


def test_a_post_that_comes_again_after_the_deletion_makes_nobody() -> None:
    world = acme("scim").given(scim_created("ann"), scim_deleted("ann"))
    assert told(world, scim_created("ann")) == (412, "gone")
    assert user(world, "ann").deleted


# --- PUT and PATCH


def test_another_name_frees_the_old_one() -> None:
    world = acme("scim").given(scim_created("ann"), scim_created("bo"))
    assert told(world, scim_changed("ann", userName="BO@acme.example")) == (409, "uniqueness")
    assert told(world, scim_changed("ann", externalId=idp_id("bo"))) == (409, "uniqueness")
    assert told(world, scim_changed("ann", userName="ANN@acme.example")) == (200, "ann")
    assert told(world, scim_changed("ann", userName="lee@acme.example")) == (200, "ann")
    assert told(world, scim_changed("bo", userName="ann@acme.example")) == (200, "bo")
    names = {key[2]: named for key, named in world.records("named", Named).items()}
    assert (names["lee@acme.example"].owner, names["ann@acme.example"].owner) == ("ann", "bo")
    assert names["bo@acme.example"].free


def test_what_is_not_sent_stays_and_none_takes_away() -> None:
    world = acme("scim").given(scim_created("ann", title="Lead", active=True))
    assert told(world, scim_changed("ann", title=None, userType="Intern")) == (200, "ann")
    world.then(MemberProfileChanged)
    assert world.member("ann").attributes == {"employee_type": "Intern"}
    assert user(world, "ann").active


def test_another_id_of_somebody_active_is_the_same_member() -> None:
    world = acme("scim").given(scim_created("ann"))
    before = world.member_id("ann")
    assert told(world, scim_changed("ann", externalId=idp_id("annette"))) == (200, "ann")
    world.then()
    assert world.member_id("annette") == before


def test_a_deactivation_cuts_off_and_what_is_older_does_not_undo_it() -> None:
    world = acme("scim").given(scim_created("ann"))
    older = world.read(scim_changed("ann", title="Lead", active=True))
    assert told(world, scim_changed("ann", active=False)) == (200, "ann")
    world.then(*CUT_OFF)
    assert told(world, older) == (412, "stale")
    assert not user(world, "ann").active
    assert world.sentences() == ["Ignored a change by SCIM: something newer is already known."]


def test_what_is_said_again_to_be_sure_outdates_what_is_older() -> None:
    world = acme("scim").given(scim_created("ann"), scim_changed("ann", active=False))
    older = world.read(scim_changed("ann", active=True))
    assert told(world, scim_changed("ann", active=False)) == (200, "ann")
    assert world.sentences() == []
    assert told(world, older) == (412, "stale")


@pytest.mark.parametrize("change", [scim_changed("ann", title="Lead"), scim_deleted("ann")])
def test_who_is_not_there_is_not_found(change: AnyChange) -> None:
    world = acme("scim")
    assert told(world, change) == (404, "not_found")
    world.given(scim_created("ann"), scim_deleted("ann"))
    assert told(world, change) == (404, "not_found")


def test_what_is_not_kept_is_told_once_and_what_was_hidden_each_time() -> None:
    world = acme("scim").given(scim_created("ann"))
    sent = replace(scim_changed("ann", title="redacted:1f"), ignored=("nick",), redacted=("title",))
    world.when(sent)
    assert [(warning.kind, warning.what) for warning in world.all(WarningRecorded)] == [
        ("ignored_attribute", "nick")
    ]
    assert world.sentences()[0].endswith("was replaced by its hash: title.")
    assert world.member("ann").attributes == {}
    world.when(replace(scim_changed("ann", title="redacted:2e"), ignored=("nick",)))
    assert world.all(WarningRecorded) == []


# --- DELETE


def test_a_deletion_leaves_a_tombstone_and_the_person_may_return() -> None:
    world = acme("scim").given(scim_created("ann"), scim_members("admins", "ann"))
    before = world.member_id("ann")
    assert told(world, scim_deleted("ann")) == (204, "ann")
    world.then(*CUT_OFF)
    assert (user(world, "ann").deleted, world.the(UserRecorded).deleted) == (True, True)
    assert told(world, scim_created("ann", as_user="ann-2")) == (201, "ann-2")
    world.then(*RETURNED)
    assert world.the(MemberReactivated).member.member_id == before
    assert world.access_of("ann") == access("member"), "memberships are not restored"


def test_a_deletion_that_is_older_than_a_return_deletes_nobody() -> None:
    world = acme("scim").given(scim_created("ann"), scim_changed("ann", active=False))
    late = world.read(scim_deleted("ann"))
    world.given(scim_changed("ann", active=True))
    assert told(world, late) == (412, "stale")
    assert world.access_of("ann") == access("member")


def test_nothing_is_written_to_a_directory_that_was_disconnected() -> None:
    world = acme("scim").given(scim_created("ann"))
    world.given(DisconnectDirectory(**asked(), directory_id=DIRECTORY))
    for change in (scim_created("bo"), scim_changed("ann", active=False), scim_group("g", "G")):
        assert told(world, change) == (401, "disconnected")
        world.then()


def test_nobody_is_answered_who_does_not_wait() -> None:
    world = acme("scim")
    world.when(replace(scim_created("ann"), reply=False))
    assert world.all(ChangeSettled) == []


# --- a conflict: returning, or somebody new with an old address


def doubtful() -> World:
    """Ann was a designer; who has her address now comes under another id."""
    world = acme("scim").given(scim_created("ann"), scim_members("designers", "ann"))
    world.given(scim_changed("ann", active=False))
    world.when(scim_created("andy", userName="ANN@acme.example"))
    return world


def test_who_may_be_somebody_new_gets_no_access() -> None:
    world = doubtful()
    world.then()
    assert world.answer() == (201, {"id": "ann", "revision": world.answer()[1]["revision"]})
    assert held(world, "ann") == (NO_ACCESS, "conflict")
    assert world.member("ann").display_name == "Ann Lee", "whoever comes does not rename her"
    (sentence,) = world.sentences()
    assert sentence == (
        "Ann Lee would get access again as member in design because Okta reported them; it is held:"
        " they may be somebody who is known already, or somebody new with their address."
    )


def test_the_same_person_returns() -> None:
    world = doubtful()
    assert says(world, "ann", "approve") == (200, None)
    world.then(MemberProfileChanged, MemberReactivated, PersonRestored)
    assert world.access_of("andy").role == "member"
    assert world.member("andy").external_ids == (f"directory_okta/{idp_id('andy')}",)
    assert world.the(UserRecorded).idp_id == idp_id("andy")


@pytest.mark.parametrize("ruling", ["approve", "separate"])
def test_an_id_that_somebody_had_is_theirs_or_goes_with_the_person(ruling: str) -> None:
    world = acme("scim").given(scim_created("andy"), scim_deleted("andy"), scim_created("ann"))
    andy, ann = world.member_id("andy"), world.member_id("ann")
    world.given(scim_changed("ann", active=False))
    world.given(scim_created("andy", as_user="andy-2", userName="ann@acme.example"))
    assert says(world, "ann", ruling) == (200, None)
    assert world.member_id("andy") == (ann if ruling == "approve" else andy)
    assert world.access_of("andy") == access("member")
    former = world.records("member", Member)[andy,]
    assert (former.external_ids == ()) == (ruling == "approve")


def test_somebody_new_is_another_member() -> None:
    world = doubtful()
    before = world.member_id("ann")
    assert says(world, "ann", "separate") == (200, None)
    world.then(MemberProvisioned)
    assert world.the(MemberProvisioned).member.display_name == "Andy Lee"
    assert world.member_id("andy") != before == world.member_id("ann")
    assert (world.member("ann").users, held(world, "ann")) == ((), (NO_ACCESS, None))
    world.when(scim_created("ann", as_user="ann-2", userName="ann.lee@acme.example"))
    world.then(MemberReactivated, PersonRestored)


def test_whom_nobody_wants_to_let_in_stays_out() -> None:
    world = doubtful()
    assert says(world, "ann", "discard") == (200, None)
    world.when(scim_changed("ann", title="Lead"))
    world.then()
    assert hold_of(world, "ann") == Hold(reason="conflict", discarded=True)
    world.given(scim_changed("ann", active=False))
    world.when(scim_changed("ann", active=True))
    assert hold_of(world, "ann") == Hold(reason="conflict")
    world.given(scim_changed("ann", active=False))
    world.when(scim_changed("ann", active=True, externalId=idp_id("ann")))
    world.then(MemberProfileChanged, MemberReactivated, PersonRestored)
    assert len(world.records("member", Member)) == 1
