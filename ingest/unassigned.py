"""Changes of directories that no tenant owns: dead letters until somebody does (DESIGN §3)."""

import hashlib
from datetime import datetime
from typing import Final

from msgspec import structs

from schemas import codec, ids
from schemas.changes import AnyReportedChange, ReportedChange, is_urgent
from schemas.entities import entity_of
from schemas.envelope import Envelope
from schemas.letters import DeadLetter, DeadLetterRuled
from schemas.topics import Topic

UNASSIGNED: Final = "_unassigned"
"""Tenant id of a dead letter whose directory no tenant owns.

No tenant can have it, since tenant ids begin with a letter or digit.
"""
REASON: Final = "unknown_directory"
"""The reason of these letters; only ingest writes them."""


def letter_of(change: AnyReportedChange, lane: Topic, envelope: Envelope) -> DeadLetter:
    """What is kept of a change until a tenant owns its directory.

    Args:
        change: of the tenant UNASSIGNED.
        lane: where it would stand.
        envelope: what it would say about itself there.
    """
    assert change.tenant_id == UNASSIGNED
    value = codec.encode(change)
    return DeadLetter(
        event_id=ids.of_cause(change.change_id, REASON),
        tenant_id=UNASSIGNED,
        cause=change.change_id,
        recorded_at=change.recorded_at,
        reason="unknown_directory",
        detail="No tenant owns this directory: `rollcall directory assign` gives it to one.",
        entity=entity_of(change),
        removal=is_urgent(change),
        directory_id=change.directory_id,
        topic=lane.name,
        partition=-1,  # it never stood on one, having no tenant
        offset=-1,
        headers=envelope.headers(),
        key=UNASSIGNED.encode(),
        value=value,
        sha256=hashlib.sha256(value).hexdigest(),
    )


def change_for(
    tenant_id: str, directory_id: str, key: bytes | None, value: bytes | None
) -> AnyReportedChange:
    """The change of a letter, now of the tenant that owns its directory.

    Its change id stays, so that a repeat is recognised.

    Raises:
        InvalidMessageError: the letter holds no change of that directory.
    """
    change = codec.decode_change(key, value)
    if not isinstance(change, ReportedChange) or change.directory_id != directory_id:
        raise codec.InvalidMessageError("no change of the directory that its letter names")
    return structs.replace(change, tenant_id=tenant_id)


def replayed(letter_id: str, change: AnyReportedChange, now: datetime) -> DeadLetterRuled:
    """The change of a letter is on its tenant's lane; the same however often it is said."""
    return DeadLetterRuled(
        event_id=ids.of_cause(letter_id, "replayed"),
        tenant_id=UNASSIGNED,
        cause=change.change_id,
        recorded_at=now,
        letter_id=letter_id,
        ruling="replayed",
    )
