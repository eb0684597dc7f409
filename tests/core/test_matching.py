"""Whom a directory reports for the first time, and who that is (access-rules §4)."""

import pytest

from schemas.changes import AnyChange
from schemas.commands import RevokeSessions
from schemas.events import (
    AuditEntry,
    MemberDeactivated,
    MemberProfileChanged,
    MemberProvisioned,
    MemberReactivated,
    MemberRoleChanged,
    PersonDeprovisioned,
    PersonRestored,
)
from schemas.manual import Proof
from schemas.origin import Kind
from schemas.state import UserKey
from tests.core.people import (
    NEW,
    People,
    domain,
    domain_gone,
    domains_reported,
    has,
    known,
    people,
    posted,
    two,
)
from tests.core.scenario import (
    DIRECTORY,
    access,
    deactivated,
    deleted,
    directory,
    grant,
    idp_id,
    joined,
    reported,
    scim_changed,
    scim_created,
    scim_deleted,
    tenant,
)

CUT_OFF = (MemberDeactivated, PersonDeprovisioned, RevokeSessions)
BACK = (MemberReactivated, PersonRestored)


def linked_by(world: People) -> list[str]:
    """By what people were linked, as the audit log says."""
    said = [each.sentence for each in world.said if isinstance(each, AuditEntry)]
    return [each.rpartition(" by the ")[2] for each in said if " was linked to the member " in each]


# --- by external id first


def test_who_has_the_external_id_that_the_product_knows_is_linked_whatever_the_email() -> None:
    world = people().given(has("p-1", "ann", role="viewer", external_id=idp_id("ann")))
    world.given(has("p-2", "other"), domain())
    world.when(reported("ann", email="other@acme.example"))
    assert world.member_id("ann") == world.id_of("p-1")
    assert linked_by(world) == ["external id."]
    world.sound()


def test_an_external_id_that_the_product_gives_to_two_links_nobody() -> None:
    cy = idp_id("cy")
    world = people().given(has("p-1", "ann", external_id=cy), has("p-2", "bo", external_id=cy))
    world.given(reported("cy"))
    assert sorted(world.by_id(world.waiting()).rivals) == sorted(
        [world.id_of("p-1"), world.id_of("p-2")]
    )
    world.sound()


def test_an_external_id_never_selects_by_an_id_of_ours_or_of_the_product() -> None:
    """CVE-2025-41115: an externalId "1" was the internal id of an administrator."""
    world = known("scim", verified=False)
    for name, sent in (("one", "p-1"), ("two", world.id_of("p-1")), ("three", "1")):
        world.given(scim_created(name, externalId=sent))
    assert world.product("p-1").external_ids == ()
    assert len(world.members()) == 4
    world.sound()


def test_an_external_id_never_selects_in_another_tenant() -> None:
    world = people().given(tenant("bolt", "Bolt"))
    world.given(has("p-1", "ann", role=None, external_id=idp_id("ann"), tenant_id="bolt"))
    world.given(reported("ann"))
    assert len(world.members()) == 1
    assert world.member("ann").product_id is None
    world.sound()


def test_the_external_id_follows_what_the_product_says() -> None:
    world = people().given(has("p-1", "ann", external_id=idp_id("bo")))
    world.given(has("p-1", "ann", external_id=idp_id("cy")))
    world.given(reported("bo"), reported("cy"))
    assert world.member_id("cy") == world.id_of("p-1")
    assert len(world.members()) == 2
    world.sound()


# --- by email, in a verified domain, if exactly one can be meant


@pytest.mark.parametrize("kind", ["workos", "scim"])
def test_who_alone_has_an_email_of_a_verified_domain_is_linked_once_and_recorded_once(
    kind: Kind,
) -> None:
    world = known(kind)
    first: AnyChange = reported("ann", email="ANN@Acme.example")
    again: AnyChange = reported("ann", last_name="Ray")
    if kind == "scim":
        first, again = posted("ann"), scim_changed("ann", title="Lead")
    world.given(first, first, again)
    assert world.member_id("ann") == world.id_of("p-1")
    assert linked_by(world) == ["email."]
    assert len(world.members()) == 1
    world.sound()


def test_what_links_is_explained_and_the_product_is_told_of_its_own_person() -> None:
    world = known()
    world.when(reported("ann"))
    world.then(MemberProfileChanged, MemberRoleChanged)
    assert world.the(MemberRoleChanged).member.product_id == "p-1"
    assert world.the(MemberRoleChanged).member.external_ids == (f"{DIRECTORY}/{idp_id('ann')}",)
    assert world.sentences()[0] == (
        f"Ann Lee of Okta was linked to the member {world.id_of('p-1')} by the email."
    )
    world.sound()


@pytest.mark.parametrize("proof", ["dns", "workos", "vouched"])
def test_each_proof_verifies(proof: Proof) -> None:
    world = known(verified=False)
    world.given(domains_reported("acme.example") if proof == "workos" else domain(proof=proof))
    world.given(reported("ann"))
    assert world.member_id("ann") == world.id_of("p-1")
    world.sound()


def test_a_subdomain_a_longer_domain_and_another_tenants_are_not_verified() -> None:
    world = known(verified=False).given(tenant("bolt", "Bolt"), domain(tenant_id="bolt"))
    world.given(domain("example"), domain("sub.acme.example"))
    world.given(reported("ann"))
    assert world.by_id(world.waiting()).rivals == (world.id_of("p-1"),)
    world.sound()


def test_a_domain_that_is_verified_no_longer_links_nobody_and_unlinks_nobody() -> None:
    world = known().given(has("p-2", "bo"), reported("ann"), domain_gone(), reported("bo"))
    assert world.member_id("ann") == world.id_of("p-1")
    assert world.by_id(world.waiting()).rivals == (world.id_of("p-2"),)
    world.sound()


def test_several_with_the_email_are_a_conflict_although_the_domain_is_verified() -> None:
    world = known().given(has("p-2", "ann"), reported("ann"))
    rivals = sorted([world.id_of("p-1"), world.id_of("p-2")])
    assert sorted(world.by_id(world.waiting()).rivals) == rivals
    world.sound()


def test_of_very_many_with_one_email_none_alone_is_meant() -> None:
    world = people().given(domain())
    world.given(*(reported(f"p{number:02}", email="all@acme.example") for number in range(11)))
    world.given(has("p-1", "all"), directory(NEW, "Acme Entra"))
    before = len(world.members())
    world.given(reported("all", directory=NEW))
    assert len(world.by_id(world.waiting()).rivals) == 10
    assert len(world.members()) == before + 1
    world.sound()


def test_the_only_one_that_was_looked_at_is_not_the_only_one() -> None:
    world = people().given(domain())
    world.given(*(reported(f"p{number:02}", email="all@acme.example") for number in range(10)))
    world.given(has("p-1", "all"), has("p-2", "all"), reported("all"))
    assert world.by_id(world.waiting()).rivals == (world.id_of("p-1"),)
    world.sound()


def test_unverified_is_a_conflict_and_no_second_member_is_told_of() -> None:
    world = known(verified=False)
    world.when(reported("ann"), joined("ann", "admins"))
    world.then()
    assert world.product("p-1").applied == access("viewer")
    assert world.by_id(world.waiting()).desired == access("admin")
    world.sound()


def test_whom_the_product_does_not_have_is_new() -> None:
    world = known()
    world.when(reported("bo"))
    world.then(MemberProvisioned)
    assert len(world.members()) == 2
    world.sound()


@pytest.mark.parametrize("verified", [True, False])
def test_first_contact_by_a_deletion_or_by_somebody_inactive_touches_nobody(
    verified: bool,
) -> None:
    world = known(verified=verified)
    world.when(deactivated("ann"), deleted("ann"), deleted("ghost"))
    world.then()
    assert world.product("p-1").applied == access("viewer")
    assert len(world.members()) == 1
    world.sound()


def test_an_inactive_one_is_linked_when_it_is_active_for_the_first_time() -> None:
    world = known().given(deactivated("ann"), reported("ann"))
    assert world.member_id("ann") == world.id_of("p-1")
    assert world.access_of("ann") == access("member")
    world.sound()


def test_who_lost_all_access_is_not_linked_by_an_address_alone() -> None:
    world = two().given(domain(), reported("ann"), deactivated("ann"))
    world.given(reported("annie", email="ann@acme.example", directory=NEW))
    assert world.by_id(world.waiting()).rivals == (world.member_id("ann"),)
    world.sound()


def test_who_was_known_under_another_id_and_returns_is_not_made_twice() -> None:
    world = known("scim").given(posted("ann"))
    world.given(scim_deleted("ann"), posted("annie", "ann@acme.example"))
    assert world.by_id(world.waiting()).rivals == (world.id_of("p-1"),)
    world.sound()


# --- nobody takes over an account by its email


def test_an_idp_gives_an_account_of_the_product_no_email_of_another_domain() -> None:
    world = known().given(reported("ann"))
    world.when(reported("ann", email="thief@evil.example"))
    world.then()
    (sentence,) = world.sentences()
    kept, domain_is = "Ann Lee keeps the email ann@acme.example", "the domain of thief@evil.example"
    assert sentence == f"{kept}, because {domain_is} is not verified."
    world.when(reported("ann", email="thief@evil.example", last_name="Ray"))
    assert world.product("p-1").email == "ann@acme.example"
    world.when(reported("ann", email="ann.ray@acme.example", last_name="Ray"))
    assert world.the(MemberProfileChanged).member.email == "ann.ray@acme.example"
    world.sound()


@pytest.mark.parametrize(
    "email",
    [
        "thief@evil.example,ann@acme.example",
        "thief@evil.example, ann@acme.example",
        "thief@evil.example@acme.example",
        "<thief@evil.example>ann@acme.example",
        '"thief@evil.example"@acme.example',
        '"ann"@acme.example',
        "thief(ann)@acme.example",
        "evil.example:ann@acme.example",
        "thief;ann@acme.example",
        "ann lee@acme.example",
        "ann\x00@acme.example",
        "ann\r\nBcc:thief@acme.example",
        "@acme.example",
        "ann\u2028lee@acme.example",
    ],
)
def test_what_is_not_one_plain_address_lies_in_no_domain(email: str) -> None:
    world = known("scim").given(posted("ann"), scim_changed("ann", emails=[{"value": email}]))
    assert world.product("p-1").email == "ann@acme.example"
    assert world.product("p-1").refused_email == email
    world.sound()


def test_whom_a_directory_made_may_be_given_any_email() -> None:
    world = people().given(reported("ann"), reported("ann", email="ann@elsewhere.example"))
    assert world.member("ann").email == "ann@elsewhere.example"
    world.sound()


def test_a_change_of_email_never_makes_two_people_one() -> None:
    world = known().given(reported("ann"), reported("bo"))
    world.given(reported("bo", email="ann@acme.example"))
    assert world.member_id("bo") != world.id_of("p-1")
    assert world.product("p-1").users == (UserKey(DIRECTORY, "ann"),)
    world.sound()


# --- several directories


def test_the_same_verified_email_in_two_directories_is_one_member() -> None:
    world = two().given(domain(), reported("ann"), joined("ann", "designers"))
    world.given(reported("ann", directory=NEW), joined("ann", "leads", directory=NEW))
    assert world.member_id("ann") == world.member_id("ann", NEW)
    assert world.access_of("ann") == access("admin", grant("design", "viewer"))
    world.when(deactivated("ann"))
    assert world.access_of("ann") == access("admin")
    world.when(deleted("ann", directory=NEW))
    world.then(*CUT_OFF)
    world.sound()


def test_in_a_domain_of_nobodys_they_are_two_unless_the_product_knows_one() -> None:
    world = two().given(reported("ann"), reported("ann", directory=NEW))
    assert world.member_id("ann") != world.member_id("ann", NEW)
    world.given(has("p-2", "bo"), reported("bo"), reported("bo", directory=NEW))
    assert len([each for each in world.members().values() if each.rivals]) == 2
    world.sound()
