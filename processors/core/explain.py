"""Sentences for people: who got what, and because of what."""

from typing import Final

from schemas.access import Access, WorkspaceGrant
from schemas.origin import OnDisconnect
from schemas.state import Directory

PROVIDERS: Final = {
    "okta": "Okta",
    "entra": "Entra ID",
    "onelogin": "OneLogin",
    "jumpcloud": "JumpCloud",
    "google": "Google",
    "pingone": "PingOne",
}
"""How people call an IdP; a generic one goes by its directory's name."""

ENDS: Final[dict[OnDisconnect, str]] = {
    "keep": "keep their access",
    "deactivate": "lose their access",
}
"""What a directory's people do when it ends."""


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
    match before.standing, after.standing:
        case "none", "active":
            return f"{'got access again' if provisioned else 'joined'} {article(after)}"
        case "active", "none":
            return "lost all access"
        case _:
            return listing(_role(before, after) + _workspaces(before, after))


def _role(before: Access, after: Access) -> list[str]:
    if before.role == after.role:
        return []
    return [f"became {after.role}" if after.role else f"is no longer {before.role}"]


def _workspaces(before: Access, after: Access) -> list[str]:
    old, new = roles_by_workspace(before.workspaces), roles_by_workspace(after.workspaces)
    phrases = []
    if joined := sorted(new.keys() - old.keys()):
        phrases.append(f"joined {listing(joined)}")
    if left := sorted(old.keys() - new.keys()):
        phrases.append(f"left {listing(left)}")
    phrases += [
        f"is {new[each] or 'without a role'} in {each}"
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
