"""What a member is called: name, email and attributes, and who has the say about them."""

from msgspec import structs

from processors.core import access, domains, profile
from processors.core.draft import Draft
from schemas import state
from schemas.manual import Manual
from schemas.recorded import ManualRecorded
from schemas.state import Member


def described(draft: Draft, member: Member, users: access.Users) -> Member:
    """The member as the newest report of an active directory user describes it.

    As the product does where no directory knows the member, or it is protected.  A directory that
    is tested describes nobody whom somebody else describes.
    """
    manual = member.manual
    if manual is not None and (manual.protected or not member.spoken_for):
        return _as_product_says(member, manual)
    known = [each for each in users if not each[1].deleted and not each[1].in_conflict]
    sure = [each for each in known if draft.directory(each[0].directory_id).mode != "testing"]
    if known and not sure and manual is not None:
        return _as_product_says(member, manual)
    said = [user for _, user in (sure or known)]
    if not said:
        return member
    best = max(said, key=lambda user: (user.active, user.stamp))
    after = state.changed(
        member, display_name=best.display_name, attributes=profile.shown(best), refused_email=None
    )
    if best.email == member.email or _may_have(draft, member, best.email):
        return state.changed(after, email=best.email)
    return state.changed(after, refused_email=best.email)


def told(member: Member) -> tuple[object, ...]:
    """What of a member's description the product is told."""
    return member.email, member.display_name, member.attributes, member.product_id


def tell_manual(draft: Draft, member_id: str, member: Member) -> None:
    """Tell the read model what the product says of a member."""
    manual = member.manual
    assert manual is not None, "there is nothing to tell"
    draft.emit(
        ManualRecorded(
            **draft.common("ManualRecorded", member_id),
            member_id=member_id,
            product_id=member.product_id,
            **structs.asdict(manual),
        )
    )


def _as_product_says(member: Member, manual: Manual) -> Member:
    name = manual.display_name or manual.email or member.product_id or ""
    return state.changed(member, email=manual.email, display_name=name)


def _may_have(draft: Draft, member: Member, email: str | None) -> bool:
    """Whether a directory may give a member another address.

    Not one of somebody else's domain to whom the product already had: who resets the password of
    an account by its email would get it (CVE-2022-1680 of GitLab).
    """
    had = member.manual is not None and member.manual.email is not None
    return not had or (email is not None and domains.is_verified(draft, email))
