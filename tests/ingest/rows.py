"""Rows of the read models, as directory_view and session_revoker write them."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from schemas.letters import DeadLetter

Row = tuple[str, dict[str, Any]]

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
_LIFE: dict[str, Any] = {"resource": {}, "revision": 1, "created_at": LONG_AGO}


def insert(table: str, **values: Any) -> Row:
    columns = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f"%({name})s" for name in values)
    adapted = {
        name: Jsonb(value) if isinstance(value, dict | list) else value
        for name, value in values.items()
    }
    return f'INSERT INTO "{table}" ({columns}) VALUES ({places})', adapted


def tenant(tenant_id: str) -> Row:
    return insert(
        "tenant",
        tenant_id=tenant_id,
        name=tenant_id.title(),
        sole_admin="allow",
        breaker="off",
        linked="directory",
        own_attributes=[],
        kept_as_sent=[],
    )


def directory(tenant_id: str, directory_id: str) -> list[Row]:
    about = {"name": "Okta", "provider": "okta", "kind": "workos"}
    life = {"mode": "active", "connected": True, "on_disconnect": "keep"}
    return [
        insert("directory", tenant_id=tenant_id, directory_id=directory_id, **about, **life),
        insert("directory_owner", tenant_id=tenant_id, directory_id=directory_id),
    ]


def member(tenant_id: str, member_id: str, **changed: Any) -> Row:
    values = {
        "external_ids": [f"{tenant_id}-okta/{member_id}"],
        "email": f"{member_id}@{tenant_id}.example",
        "display_name": member_id.title(),
        "attributes": {},
        "standing": "active",
        "role": "viewer",
        "revision": 1,
        "changed_at": LONG_AGO,
    }
    return insert("member", tenant_id=tenant_id, member_id=member_id, **values | changed)


def audit_entry(tenant_id: str, sequence: int, **changed: Any) -> Row:
    because = {"kind": "group", "id": "g", "name": "Platform Admins"}
    values = {
        "entry_id": f"entry-{sequence}",
        "decision": "changed",
        "subject": "member/ada",
        "actor": "directory/okta",
        "member_id": "ada",
        "role_from": "viewer",
        "role_to": "admin",
        "sentence": f"Sentence {sequence} of {tenant_id}",
        "occurred_at": LONG_AGO,
        "recorded_at": LONG_AGO + timedelta(days=sequence),
        "entry": {"because": because},
        "previous_hash": b"",
        "hash": b"",
    }
    return insert("audit_entry", tenant_id=tenant_id, sequence=sequence, **values | changed)


def outcome(tenant_id: str, change_id: str, status: int, body: dict[str, Any]) -> Row:
    return insert(
        "outcome",
        tenant_id=tenant_id,
        change_id=change_id,
        status=status,
        body=body,
        settled_at=LONG_AGO,
    )


def dead_letter(letter_id: str, **changed: Any) -> Row:
    """A letter of processors; the sink gives the numbers in the order of writing."""
    values = {
        "tenant_id": "acme",
        "stage": "processors",
        "reason": "undecidable",
        "detail": "KeyError: 'x'",
        "entity": "user/okta/ada",
        "removal": False,
        "directory_id": "okta",
        "cause": f"cause-of-{letter_id}",
        "topic": "directory-changes",
        "partition": 1,
        "offset": 7,
        "headers": [["ce_id", base64.b64encode(b"cause").decode()]],
        "key": b"acme",
        "value": b"{}",
        "sha256": "5e",
        "recorded_at": LONG_AGO,
    }
    return insert("dead_letter", letter_id=letter_id, **values | changed)


def unassigned(letter: DeadLetter) -> Row:
    """A letter of the door."""
    fields = {name: getattr(letter, name) for name in letter.__struct_fields__}
    fields["headers"] = [[n, base64.b64encode(v).decode()] for n, v in letter.headers]
    return dead_letter(fields.pop("event_id"), **fields, stage="ingest")


def company(tenant_id: str) -> Iterator[Row]:
    """A tenant with one of everything, and two members: ada, who is admin, and bob, who left."""
    okta = f"{tenant_id}-okta"
    yield tenant(tenant_id)
    yield insert("role", tenant_id=tenant_id, slug="admin", rank=9, is_admin=True)
    yield insert("role", tenant_id=tenant_id, slug="viewer", rank=1, is_admin=False)
    yield insert("workspace", tenant_id=tenant_id, slug="sales", name=f"Sales of {tenant_id}")
    yield from directory(tenant_id, okta)
    group = {"tenant_id": tenant_id, "directory_id": okta, "group_id": "group-1"}
    yield insert("directory_group", **group, name=f"Admins of {tenant_id}", deleted=False, **_LIFE)
    grants = [{"workspace": "sales", "role": None}]
    yield insert("group_mapping", **group, role="admin", workspaces=grants)
    yield member(tenant_id, "ada", role="admin")
    yield member(tenant_id, "bob", role=None, standing="none", email=None)
    yield insert("member_workspace", tenant_id=tenant_id, member_id="ada", workspace="sales")
    yield insert(
        "directory_user",
        tenant_id=tenant_id,
        directory_id=okta,
        user_id="user-ada",
        idp_id="ada",
        active=True,
        deleted=False,
        member_id="ada",
        attributes={},
        leaving=False,
        **_LIFE,
    )
    yield insert("membership", **group, user_id="user-ada")
    yield audit_entry(tenant_id, 1)
