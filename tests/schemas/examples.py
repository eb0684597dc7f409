"""One example of each message and state record, every field other than its default."""

import typing
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from schemas import (
    changes,
    codec,
    finding_state,
    letters,
    manual,
    origin,
    policy,
    scim_state,
    settings_state,
    state,
    work,
)
from schemas.access import Access, Because, MemberRef, WorkspaceGrant
from schemas.codec import Output
from schemas.state import State

_AT: Final = datetime(2026, 7, 1, 9, 30, 0, 125000, tzinfo=UTC)
_STAMP: Final = origin.Stamp(_AT, "event_01")
_BECAUSE: Final = Because(kind="group", id="group_01", name="Platform Admins")
_GRANTS: Final = (WorkspaceGrant("design", "viewer"), WorkspaceGrant("sales"))
_ACCESS: Final = Access(standing="active", role="admin", workspaces=_GRANTS)

_CHANGE: Final[dict[str, Any]] = {
    "change_id": "5d7e4b62-6a1e-5b1c-9a43-6a2a1d3e0c12",
    "tenant_id": "acme",
    "recorded_at": _AT,
    "directory_id": "directory_01",
    "stamp": _STAMP,
}
_TRIGGER: Final = work.Trigger(
    cause="5d7e4b62-6a1e-5b1c-9a43-6a2a1d3e0c11",
    recorded_at=_AT,
    occurred_at=_AT,
    actor="directory/directory_01",
    phrase="Okta deleted the group Platform Admins",
    because=_BECAUSE,
    directory_id="directory_01",
)
_VALUES: Final[dict[str, Any]] = {
    "access": _ACCESS,
    "access_before": _ACCESS,
    "access_from": Access(standing="active", role="member"),
    "access_to": _ACCESS,
    "active": True,
    "actor": "directory/directory_01",
    "admin_roles": ("admin",),
    "added": ("0197c5a2-0c00-7000-8000-000000000002",),
    "at": _AT,
    "base": 1782898200125000,
    "breaker": "hold",
    "after": "directory_user_07",
    "applied": _ACCESS,
    "attributes": {"title": "Lead", "floor": 3, "remote": True},
    "because": _BECAUSE,
    "body": {"slug": "design", "name": "Design"},
    "changes": (changes.GroupReported(**_CHANGE, group_id="group_01", name="Platform Admins"),),
    "cause": "5d7e4b62-6a1e-5b1c-9a43-6a2a1d3e0c11",
    "ce_id": "5d7e4b62-6a1e-5b1c-9a43-6a2a1d3e0c11",
    "change_id": "5d7e4b62-6a1e-5b1c-9a43-6a2a1d3e0c11",
    "changed": {"active": False, "title": None},
    "closed_at": _STAMP,
    "closes": True,
    "count": 3,
    "created_at": _AT,
    "decision": "changed",
    "discarded": True,
    "connected": False,
    "default_role": "member",
    "deleted": True,
    "deleted_at": _STAMP,
    "desired": _ACCESS,
    "detail": "its key is not its tenant id",
    "directory_id": "directory_01",
    "display_name": "Ann Lee",
    "email": "ann@acme.example",
    "entity": "user/directory_01/directory_user_01",
    "domain": "acme.example",
    "domains": ("acme.example",),
    "ended_at": _AT,
    "exact": True,
    "expires_at": _AT,
    "external_id": "00u1",
    "event_id": "0b8a5f5e-3c52-5d0c-8f0e-0d8f6f4f2b21",
    "external_ids": ("directory_01/00u1",),
    "first_name": "Ann",
    "free": True,
    "group_id": "group_01",
    "headers": [("ce_id", b"event"), ("traceparent", b"\xff")],
    "hold": policy.Hold(reason="breaker", discarded=True),
    "holds": 3,
    "idp_id": "00u1",
    "ignored": ("nickName",),
    "in_conflict": True,
    "into": "0197c5a2-0c00-7000-8000-000000000002",
    "is_admin": True,
    "is_default": True,
    "joined_at": _AT,
    "key": b"acme",
    "kept_as_sent": ("employeeNumber",),
    "kind": "workos",
    "letter_id": "7d1f4b62-6a1e-5b1c-9a43-6a2a1d3e0c22",
    "leaving": "deactivated",
    "linked": "higher",
    "letters": (3, 7),
    "lost": (_AT,),
    "last_name": "Lee",
    "manual": manual.Manual(
        standing="suspended",
        role="admin",
        workspaces=_GRANTS,
        email="ann@acme.example",
        display_name="Ann Lee",
        external_id="00u1",
        joined_at=_AT,
        protected=True,
    ),
    "member": MemberRef(
        member_id="0197c5a2-0c00-7000-8000-000000000001",
        product_id="u-1",
        external_ids=("directory_01/00u1",),
        email="ann@acme.example",
        display_name="Ann Lee",
    ),
    "member_id": "0197c5a2-0c00-7000-8000-000000000001",
    "members_at": _STAMP,
    "mode": "paused",
    "name": "Platform Admins",
    "note": "token_created",
    "occurred_at": _AT,
    "offset": 7,
    "on_disconnect": "deactivate",
    "own_attributes": (policy.OwnAttribute("urn:acme:scim:User", "badge", "integer"),),
    "owner": "0197c5a2-0c00-7000-8000-000000000002",
    "part": "groups",
    "partition": 3,
    "phrase": "Okta deleted the group Platform Admins",
    "present": True,
    "product_id": "u-1",
    "proof": "dns",
    "protected": True,
    "provider": "okta",
    "provisioned": True,
    "rank": 30,
    "ranks": {"admin": 30, "member": 20},
    "reason": "deleted",
    "recorded_at": _AT,
    "redacted": ("title",),
    "refused_email": "ann@other.example",
    "removal": True,
    "removed": ("0197c5a2-0c00-7000-8000-000000000003",),
    "replaced_by": "directory_02",
    "replaces": "directory_00",
    "reply": True,
    "resource": {"userName": "ann", "emails": [{"value": "ann@acme.example"}]},
    "revision": 2,
    "revoked_at": _AT,
    "rivals": ("0197c5a2-0c00-7000-8000-000000000002",),
    "role": "admin",
    "role_from": "admin",
    "role_to": "member",
    "ruling": "failed",
    "seen": 12,
    "shut_at": _AT,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sentence": "Ann Lee became admin because Okta added them to Platform Admins.",
    "slug": "design",
    "sole_admin": "block",
    "spoken_for": ("directory_01",),
    "stamp": _STAMP,
    "standing": "suspended",
    "status": 201,
    "subject": "member/0197c5a2-0c00-7000-8000-000000000001",
    "tenant_id": "acme",
    "then": work.ReevaluateDirectory(trigger=_TRIGGER, directory_id="directory_02"),
    "told": _STAMP,
    "token_id": "k3v9",
    "topic": "directory-changes",
    "topic_id": "kq4wBMVtQ3yzVeB6cxLhHw",
    "trigger": _TRIGGER,
    "unlinked": True,
    "unlinked_from": ("directory_03",),
    "until": "directory_user_08",
    "user": changes.ReportedUser(
        user_id="directory_user_01",
        idp_id="00u1",
        active=True,
        email="ann@acme.example",
        first_name="Ann",
        last_name="Lee",
        user_name="ann",
        attributes={"title": "Lead", "floor": 3, "remote": True},
    ),
    "user_id": "directory_user_01",
    "user_name": "ann",
    "user_name_key": "ann",
    "users": (state.UserKey("directory_01", "directory_user_01"),),
    "value": b"\xff\xfe not JSON",
    "what": "nickName",
    "with_access": 9,
    "workspaces": _GRANTS,
    "workspaces_from": (),
    "workspaces_to": _GRANTS,
}
_EXCEPTIONS: Final[dict[str, dict[str, Any]]] = {
    "DeadLetter": {"reason": "undecodable"},
    "CreateDirectory": {"kind": "scim"},
    "HoldRecorded": {"reason": "breaker"},
    "RuleHold": {"ruling": "separate", "reason": "conflict"},
    "UserRecorded": {"leaving": True},
    "ReevaluateHeld": {"reason": "sole_admin"},
    "WarningRecorded": {"kind": "ignored_attribute"},
}

Message = changes.Inbound | Output


def messages() -> dict[str, Message]:
    """Changes, events and commands by their ce_type."""
    kinds = {*typing.get_args(changes.Inbound), *codec.output_types()}
    made: list[Message] = [_example(kind) for kind in kinds]
    return {codec.type_of(message): message for message in made}


def records() -> dict[str, State]:
    """State records by their name."""
    return {f"state.{kind.__name__.lower()}": _example(kind) for kind in _leaves(State)}


_HOMES: Final = {
    module.__name__ for module in (state, finding_state, scim_state, settings_state, work, letters)
}


def _leaves(kind: type[State]) -> set[type[State]]:
    below = [each for each in kind.__subclasses__() if each.__module__ in _HOMES]
    return {leaf for each in below for leaf in _leaves(each)} or {kind}


def _example(kind: type[Any]) -> Any:
    """Decoded once, so that a value of the wrong type is found here."""
    fields = {field.name for field in msgspec.structs.fields(kind)}
    special = _EXCEPTIONS.get(kind.__name__, {})
    made = kind(**{name: value for name, value in (_VALUES | special).items() if name in fields})
    return msgspec.json.decode(msgspec.json.encode(made), type=kind)
