"""What processors would publish, with everything that a test does not speak of filled in."""

import uuid
from datetime import UTC, datetime
from typing import Any

from schemas.access import Access, Because, MemberRef, WorkspaceGrant
from schemas.commands import RefreshClaims, RevokeSessions
from schemas.events import (
    AuditEntry,
    MemberDeactivated,
    MemberProvisioned,
    MemberRoleChanged,
)
from schemas.letters import DeadLetter, DeadLetterRuled
from schemas.recorded import (
    ChangeSettled,
    DirectoryRecorded,
    MembershipRecorded,
    UserRecorded,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCESS = Access(standing="active", role="member", workspaces=(WorkspaceGrant("sales", "viewer"),))


def common(tenant_id: str = "acme") -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "tenant_id": tenant_id,
        "cause": str(uuid.uuid4()),
        "recorded_at": NOON,
    }


LIFE: dict[str, Any] = {"revision": 1, "created_at": NOON}


def about(member_id: str, revision: int, tenant_id: str = "acme") -> dict[str, Any]:
    name = member_id.title()
    return common(tenant_id) | {
        "member": MemberRef(
            member_id=member_id,
            external_ids=(f"okta/{member_id}",),
            email=f"{member_id}@acme.example",
            display_name=name,
        ),
        "directory_id": "okta",
        "occurred_at": NOON,
        "revision": revision,
        "because": Because(kind="group", id="g1", name="Platform"),
        "sentence": f"Something happened to {name} because Okta said so.",
    }


def user(user_id: str, **fields: Any) -> UserRecorded:
    given = {"directory_id": "okta", "idp_id": f"idp-{user_id}", "member_id": f"m-{user_id}"}
    standing = {"active": True, "deleted": False}
    return UserRecorded(user_id=user_id, **{**common(), **given, **standing, **LIFE, **fields})


def directory(directory_id: str = "okta", tenant_id: str = "acme") -> DirectoryRecorded:
    return DirectoryRecorded(
        **common(tenant_id),
        directory_id=directory_id,
        name="Okta",
        provider="okta",
        kind="workos",
        mode="active",
        connected=True,
        on_disconnect="keep",
    )


def in_group(user_id: str, *, present: bool, group_id: str = "g1") -> MembershipRecorded:
    return MembershipRecorded(
        **common(), directory_id="okta", group_id=group_id, user_id=user_id, present=present
    )


def provisioned(
    member_id: str, revision: int = 1, *, access: Access = ACCESS, tenant_id: str = "acme"
) -> MemberProvisioned:
    known = about(member_id, revision, tenant_id)
    return MemberProvisioned(**known, access=access, attributes={"title": "Engineer"})


def role_changed(member_id: str, revision: int, role: str | None) -> MemberRoleChanged:
    return MemberRoleChanged(**about(member_id, revision), role_from="member", role_to=role)


def deactivated(member_id: str, revision: int) -> MemberDeactivated:
    return MemberDeactivated(
        **about(member_id, revision), reason="deactivated", access_before=ACCESS
    )


def revoke(member_id: str, tenant_id: str = "acme") -> RevokeSessions:
    return RevokeSessions(**about(member_id, 2, tenant_id), reason="deactivated")


def refresh(member_id: str) -> RefreshClaims:
    return RefreshClaims(**about(member_id, 2), role_from="admin", role_to="member")


def settled(change_id: str, **body: Any) -> ChangeSettled:
    return ChangeSettled(**{**common(), "cause": change_id}, status=201, body=body)


def entry(sentence: str = "Ann became admin.", tenant_id: str = "acme") -> AuditEntry:
    return AuditEntry(
        **common(tenant_id),
        decision="changed",
        subject="member/ann",
        actor="directory/okta",
        occurred_at=NOON,
        because=Because(kind="group", id="g1", name="Größe ½"),
        sentence=sentence,
        member=about("ann", 1)["member"],
        access_from=Access(standing="active", role="member"),
        access_to=Access(standing="active", role="admin"),
    )


def dead_letter(**fields: Any) -> DeadLetter:
    given = {
        "reason": "undecidable",
        "detail": "KeyError: 'x'",
        "entity": "user/okta/ann",
        "removal": False,
        "directory_id": "okta",
        "topic": "directory-changes",
        "partition": 1,
        "offset": 7,
        "headers": [("ce_id", b"c1"), ("odd", b"\xff\x00")],
        "key": b"acme",
        "value": b"{}\x00\xff",
        "sha256": "0" * 64,
    }
    return DeadLetter(**{**common(), **given, **fields})


def ruled(letter_id: str, ruling: Any, tenant_id: str = "acme", **fields: Any) -> DeadLetterRuled:
    return DeadLetterRuled(**common(tenant_id), letter_id=letter_id, ruling=ruling, **fields)
