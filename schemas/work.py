"""Follow-up work: records in the state that a partition's loop takes between steps (DESIGN §4).

Chunks of a re-evaluation and what is due at some time; a crash cannot lose them.
"""

from datetime import UTC, datetime
from typing import Final, Literal

from schemas.access import Because
from schemas.origin import Stamp
from schemas.policy import HoldReason
from schemas.state import SEPARATOR, State, parts_of


class AnyWork(State, frozen=True, kw_only=True):
    """What every kind of follow-up work is."""


class Trigger(State, frozen=True, kw_only=True):
    """What set a decision off, told to everything that follows from it, chunks included."""

    cause: str
    """Id of the change."""
    recorded_at: datetime
    occurred_at: datetime
    actor: str
    """`directory/…` or `admin-api`."""
    phrase: str
    """Completes "… because": "Okta added them to Platform Admins"."""
    because: Because
    directory_id: str | None = None


class Chunked(AnyWork, frozen=True, kw_only=True):
    """Work that goes through a list of ids in their order, some at a time."""

    trigger: Trigger
    after: str = ""
    """The last id that was done."""
    until: str = ""
    """The last one that is to be done; empty: all."""


class ReevaluateGroup(Chunked, frozen=True, kw_only=True, tag="reevaluate_group"):
    """Follow-up work: decide anew about the members of a group, by user id."""

    directory_id: str
    group_id: str


class ReevaluateTenant(Chunked, frozen=True, kw_only=True, tag="reevaluate_tenant"):
    """Follow-up work: decide anew about every member of the tenant, by member id."""


class ReevaluateDirectory(Chunked, frozen=True, kw_only=True, tag="reevaluate_directory"):
    """Follow-up work: tell that a directory's users and groups are gone; decide anew about people.

    First all users, then all groups, by their ids.
    """

    directory_id: str
    told: Stamp | None = None
    """What is not newer was told to be gone when the directory ended before."""
    part: Literal["users", "groups"] = "users"
    then: "ReevaluateDirectory | None" = None
    """What may begin only when all of this is done."""


class ReevaluateHeld(Chunked, frozen=True, kw_only=True, tag="reevaluate_held"):
    """Follow-up work: decide anew about those who are on hold for a reason, by member id."""

    reason: HoldReason


class SettleConflicts(Chunked, frozen=True, kw_only=True, tag="settle_conflicts"):
    """Follow-up work: see whether it is known by now who those are who are on hold for a conflict.

    By member id.
    """


class FinishLeaving(AnyWork, frozen=True, kw_only=True, tag="finish_leaving"):
    """Follow-up work: nothing keeps a directory user any more whom the IdP wanted gone."""

    trigger: Trigger
    directory_id: str
    user_id: str


class ForgetLate(AnyWork, frozen=True, kw_only=True, tag="forget_late"):
    """Follow-up work: no longer remember an ignored change."""

    change_id: str


Work = (
    ReevaluateGroup
    | ReevaluateTenant
    | ReevaluateDirectory
    | ReevaluateHeld
    | SettleConflicts
    | FinishLeaving
    | ForgetLate
)
WORK: Final = b"work" + SEPARATOR
"""What every work key begins with, but for what may wait."""
HOUSEKEEPING: Final = b"housekeeping" + SEPARATOR
"""What the keys of work begin with that nobody's access hangs on: it comes after all other."""


def work_key(due: datetime, tenant_id: str, work_id: str, *, kind: bytes = WORK) -> bytes:
    """Where Work stands: sorted by when it is due, to the millisecond."""
    return kind + SEPARATOR.join((_sortable(due), tenant_id.encode(), work_id.encode()))


def work_due_before(moment: datetime, *, kind: bytes = WORK) -> bytes:
    """A key after all work that is due at `moment`, and before all later work."""
    return kind + _sortable(moment) + b"\x01"


def tenant_of_work(record_key: bytes) -> str:
    """The tenant that a work key names."""
    return parts_of(record_key)[2]


def due_of_work(record_key: bytes) -> datetime:
    """When the work at a key is due."""
    return datetime.fromtimestamp(int(parts_of(record_key)[1]) / 1000, tz=UTC)


def _sortable(moment: datetime) -> bytes:
    return b"%015d" % int(moment.timestamp() * 1000)
