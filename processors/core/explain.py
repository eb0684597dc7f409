"""Sentences for people: who got what, and because of what."""

from typing import Final, NamedTuple

from schemas import limits
from schemas.access import Access, WorkspaceGrant
from schemas.manual import Proof
from schemas.origin import OnDisconnect
from schemas.policy import HoldReason
from schemas.state import Directory, Leaving

PROVIDERS: Final = {
    "okta": "Okta",
    "entra": "Entra ID",
    "onelogin": "OneLogin",
    "jumpcloud": "JumpCloud",
    "google": "Google",
    "pingone": "PingOne",
    "rippling": "Rippling",
}
"""How people call an IdP; a generic one goes by its directory's name."""

ENDS: Final[dict[OnDisconnect, str]] = {
    "keep": "keep their access",
    "deactivate": "lose their access",
}
"""What a directory's people do when it ends."""

PROOFS: Final[dict[Proof, str]] = {
    "dns": "its DNS record says so",
    "workos": "WorkOS verified it",
    "vouched": "the vendor vouches for it",
}
"""How a domain came to be a tenant's."""

HOLDS: Final[dict[HoldReason, str]] = {
    "testing": "their directory is being tested",
    "paused": "their directory is paused",
    "conflict": "they may be somebody who is known already, or somebody new with their address",
    "sole_admin": "the last administrator stays until another exists",
    "breaker": "too many people lose access at once",
}
"""Why something is on hold."""

_DEPARTURES: Final[dict[Leaving, str]] = {"deactivated": "deactivation", "deleted": "deletion"}


class _Verbs(NamedTuple):
    """What happens to a member, in a tense."""

    joins: str
    returns: str
    ends: str
    becomes: str
    is_no_longer: str
    leaves: str
    is_now: str


_DID: Final = _Verbs(
    joins="joined",
    returns="got access again",
    ends="lost all access",
    becomes="became",
    is_no_longer="is no longer",
    leaves="left",
    is_now="is",
)
_WOULD: Final = _Verbs(
    joins="would join",
    returns="would get access again",
    ends="would lose all access",
    becomes="would become",
    is_no_longer="would no longer be",
    leaves="would leave",
    is_now="would be",
)


def idp(directory: Directory) -> str:
    """Who reported a change, as people call it."""
    return PROVIDERS.get(directory.provider, directory.name)


def article(access: Access) -> str:
    """What an access amounts to: "as admin in design and sales"."""
    parts = []
    if access.role is not None:
        parts.append(f"as {access.role}")
    if access.workspaces:
        parts.append(f"in {listing([g.workspace for g in access.workspaces])}")
    return " ".join(parts) or "without a role"


def movement(before: Access, after: Access, *, provisioned: bool) -> str:
    """What happened to a member, without the name: "became admin and joined design"."""
    return _moved(_DID, before, after, provisioned=provisioned)


def held(before: Access, after: Access, *, provisioned: bool) -> str:
    """What would happen to a member: "would become admin and would join design"."""
    return _moved(_WOULD, before, after, provisioned=provisioned) or "would get nothing"


def kept(name: str, tenant: str, leaving: Leaving, *, discarded: bool) -> str:
    """Tell a SCIM client why the last administrator stays, and what to do about it."""
    what = _DEPARTURES[leaving]
    last = f"{name} is the last administrator of {tenant} in this product"
    if discarded:
        return f"{last}, and an administrator decided that the {what} is not applied."
    return (
        f"{last}, so the {what} waits: make someone else administrator (an admin role through a"
        " mapped group), and it is applied by itself. Sessions and API keys were ended now."
    )


def tripped(people: int) -> str:
    """Say that many lost access at once, and nothing is done about it."""
    return (
        f"{people} people lost access within {limits.BREAKER_MINUTES} minutes, which is more than"
        " the breaker lets go; nothing is held, because it only alerts."
    )


def _moved(verbs: _Verbs, before: Access, after: Access, *, provisioned: bool) -> str:
    match before.standing, after.standing:
        case "none", "active":
            return f"{verbs.returns if provisioned else verbs.joins} {article(after)}"
        case "active", "none":
            return verbs.ends
        case _:
            return listing(_role(verbs, before, after) + _workspaces(verbs, before, after))


def _role(verbs: _Verbs, before: Access, after: Access) -> list[str]:
    if before.role == after.role:
        return []
    if after.role:
        return [f"{verbs.becomes} {after.role}"]
    return [f"{verbs.is_no_longer} {before.role}"]


def _workspaces(verbs: _Verbs, before: Access, after: Access) -> list[str]:
    old, new = roles_by_workspace(before.workspaces), roles_by_workspace(after.workspaces)
    phrases = []
    if joined := sorted(new.keys() - old.keys()):
        phrases.append(f"{verbs.joins} {listing(joined)}")
    if left := sorted(old.keys() - new.keys()):
        phrases.append(f"{verbs.leaves} {listing(left)}")
    phrases += [
        f"{verbs.is_now} {new[each] or 'without a role'} in {each}"
        for each in sorted(old.keys() & new.keys())
        if old[each] != new[each]
    ]
    return phrases


def roles_by_workspace(grants: tuple[WorkspaceGrant, ...]) -> dict[str, str | None]:
    """The role in each workspace."""
    return {grant.workspace: grant.role for grant in grants}


def listing(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
