"""What must be true of a tenant after anything: its records and indexes say one and the same."""

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from processors.core import access
from processors.core.draft import Draft
from processors.state_view import StoredState
from schemas import events, names
from schemas.access import NO_ACCESS, Because, MemberRef
from schemas.codec import Output
from schemas.finding_state import Findable, Product
from schemas.settings_state import Admin, Headcount, Held, Tenant, headcount_key, tenant_key
from schemas.state import DirectoryUser, Link, Member
from schemas.work import Trigger
from tests.core import folding
from tests.core.scenario import ARRIVED, records


def holds(reader: StoredState, tenant: str, said: Sequence[Output]) -> None:
    """All of it, where all work is done and `said` is everything that was ever said."""
    is_held(reader, tenant)
    is_counted(reader, tenant)
    is_found(reader, tenant)
    is_tied(reader, tenant)
    waits_silently(reader, tenant, said)
    members = {i: m for (i,), m in records(reader, tenant, "member", Member).items()}
    folds(members, [each for each in said if each.tenant_id == tenant])


def is_held(reader: StoredState, tenant: str) -> None:
    """Desired access is what a fresh computation gives; what lags is on hold."""
    users = records(reader, tenant, "user", DirectoryUser)
    draft = Draft(reader, tenant, _TRIGGER, ARRIVED)
    for (id_,), member in records(reader, tenant, "member", Member).items():
        held = tuple((key, users[key.directory_id, key.user_id]) for key in member.users)
        assert access.desired(draft, member, held).access == member.desired, id_
        unknown = member.rivals or any(user.in_conflict for _, user in held)
        assert (member.applied == member.desired) or member.hold is not None, id_
        assert (member.applied != member.desired) or member.hold is None or unknown, id_
        if member.hold is not None and member.hold.reason in {"testing", "paused"}:
            modes = {draft.directory(key.directory_id).mode for key, _ in held}
            assert member.hold.reason in modes or (member.hold.discarded and modes == {"active"})


def is_counted(reader: StoredState, tenant: str) -> None:
    """What the gates go by is what the members are."""
    members = {i: m for (i,), m in records(reader, tenant, "member", Member).items()}
    held = {(m.hold.reason, i) for i, m in members.items() if m.hold is not None}
    assert set(records(reader, tenant, "held", Held)) == held
    has_access = [i for i, m in members.items() if m.applied.standing == "active"]
    counted = reader.get(headcount_key(tenant), Headcount) or Headcount()
    assert counted.with_access == len(has_access)
    roles = reader.get(tenant_key(tenant), Tenant)
    assert roles is not None
    admins = {(i,) for i in has_access if members[i].applied.role in roles.admin_roles}
    assert set(records(reader, tenant, "admin", Admin)) == admins


def is_found(reader: StoredState, tenant: str) -> None:
    """By email, external id and product id each member is found that has it, and nobody else."""
    members = records(reader, tenant, "member", Member).items()
    there = {id_: member for (id_,), member in members if not member.rivals}
    emails = {(names.comparable(m.email), id_) for id_, m in there.items() if m.email}
    assert set(records(reader, tenant, "email", Findable)) == emails
    known = {
        (names.exact(m.manual.external_id), id_)
        for id_, m in there.items()
        if m.manual is not None and m.manual.external_id is not None
    }
    assert set(records(reader, tenant, "known-id", Findable)) == known
    product = records(reader, tenant, "product", Product).items()
    assert {(p, r.member_id) for (p,), r in product if r.member_id} == {
        (m.product_id, id_) for (id_,), m in members if m.product_id is not None
    }


def is_tied(reader: StoredState, tenant: str) -> None:
    """Links, members and directory users say the same of who is whom."""
    members = {i: m for (i,), m in records(reader, tenant, "member", Member).items()}
    links = records(reader, tenant, "link", Link).items()
    assert {(link.member_id, f"{d}/{i}") for (d, i), link in links if not link.unlinked} == {
        (id_, each) for id_, member in members.items() for each in member.external_ids
    }
    users = records(reader, tenant, "user", DirectoryUser)
    for id_, member in members.items():
        theirs = {each.partition("/")[0] for each in member.external_ids}
        assert theirs | {key.directory_id for key in member.users} <= {*member.spoken_for}, id_
        assert not {*member.spoken_for}.intersection(member.unlinked_from), id_
        for key in member.users:
            assert users[key.directory_id, key.user_id].member_id == id_
    for (directory_id, user_id), user in users.items():
        if user.member_id is not None and not user.deleted:
            held = {(key.directory_id, key.user_id) for key in members[user.member_id].users}
            assert (directory_id, user_id) in held
            assert not user.unlinked


def waits_silently(reader: StoredState, tenant: str, said: Sequence[Output]) -> None:
    """Who it is not known who they are has nothing, is told to nobody, and can be ruled on."""
    for (id_,), member in records(reader, tenant, "member", Member).items():
        if member.rivals:
            assert (member.applied, member.provisioned) == (NO_ACCESS, False)
            assert (member.product_id, member.manual) == (None, None)
            assert member.hold is not None, "nobody could say who this is"
            assert member.hold.reason == "conflict"
            told = [each for each in said if isinstance(each, events.AccessEvent)]
            assert id_ not in {each.member.member_id for each in told}


def folds(members: dict[str, Member], said: Sequence[Output]) -> None:
    """The folds of the access events and deprovisions are the members; no id occurs twice."""
    told = folding.members(said)
    assert set(told) == {id_ for id_, member in members.items() if member.provisioned}
    for id_, known in told.items():
        # A link alone is no news for the product: its next event names it.
        ids = members[id_].external_ids
        known = replace(known, ref=replace(known.ref, external_ids=ids))  # noqa: PLW2901
        assert known == _as_known(id_, members[id_])
    without = {id_ for id_ in told if members[id_].applied.standing == "none"}
    assert folding.deprovisioned(said) == without
    counts = Counter(output.event_id for output in said)
    assert [found for found, count in counts.items() if count > 1] == []


def _as_known(member_id: str, member: Member) -> folding.Known:
    ref = MemberRef(
        member_id=member_id,
        product_id=member.product_id,
        external_ids=member.external_ids,
        email=member.email,
        display_name=member.display_name,
    )
    return folding.Known(member.revision, member.applied, ref, member.attributes)


_TRIGGER = Trigger(
    cause="",
    recorded_at=ARRIVED,
    occurred_at=ARRIVED,
    actor="",
    phrase="",
    because=Because(kind="admin", id="", name=""),
)
