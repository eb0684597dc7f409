"""One decision in the making: what it reads, what it will write, what it will say."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

import msgspec

from processors.core.overlay import Overlay, StateReader, Writes
from schemas import ids, limits, settings_state, state
from schemas.access import Access, Because, MemberRef
from schemas.codec import Output
from schemas.events import AuditEntry
from schemas.origin import Change, Stamp
from schemas.recorded import ChangeSettled
from schemas.scim import ScimChange
from schemas.scim_state import Clock, clock_key, revision_of
from schemas.settings_state import Tenant
from schemas.state import Directory, Member, State
from schemas.work import HOUSEKEEPING, WORK, ForgetLate, Trigger, Work, work_key

R = TypeVar("R", bound=State)
_MICROSECOND = timedelta(microseconds=1)
Outcome = Literal["applied", "repeat", "late", "refused"]
"""What became of a change; each has exactly one."""


class UndecidableError(ValueError):
    """A change that cannot be decided: it becomes a dead letter with this text as its detail."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a change: visible together, or not at all."""

    outcome: Outcome
    outputs: tuple[Output, ...] = ()
    writes: Writes = msgspec.field(default_factory=dict)


class Draft:
    """Reads through to the state and keeps writes and outputs aside until the decision is made."""

    def __init__(self, below: StateReader, tenant_id: str, trigger: Trigger, now: datetime) -> None:
        self._overlay = Overlay(below)
        self._outputs: list[Output] = []
        self.tenant_id = tenant_id
        self.trigger = trigger
        self.now = now

    def get(self, key: bytes, record: type[R]) -> R | None:
        """The record at a key."""
        return self._overlay.get(key, record)

    def put(self, key: bytes, value: State | None) -> None:
        """Write a record; None deletes it."""
        self._overlay.put(key, value)

    def scan(self, prefix: bytes, record: type[R], after: bytes = b"") -> Iterator[tuple[bytes, R]]:
        """The records below a prefix."""
        return self._overlay.scan(prefix, record, after)

    def tenant(self) -> Tenant:
        """The tenant's policy and ranks.

        Raises:
            UndecidableError: no such tenant.
        """
        found = self.get(settings_state.tenant_key(self.tenant_id), Tenant)
        if found is None:
            raise UndecidableError(f"no tenant {self.tenant_id}: create it, then replay")
        return found

    def member(self, member_id: str) -> Member:
        """A member that is there: only those are linked, found or listed."""
        found = self.get(state.member_key(self.tenant_id, member_id), Member)
        assert found is not None, f"member {member_id} was never made"
        return found

    def directory(self, directory_id: str) -> Directory:
        """A directory of the tenant, which is there: no change of an unknown one is decided."""
        found = self.get(state.directory_key(self.tenant_id, directory_id), Directory)
        assert found is not None, f"something came of {directory_id}, which is not there"
        return found

    def emit(self, *outputs: Output) -> None:
        """Say something, in this order."""
        self._outputs += outputs

    def event_id(self, *parts: str) -> str:
        """The deterministic id of something that this decision says."""
        return ids.of_cause(self.trigger.cause, *parts)

    def common(self, *parts: str) -> dict[str, Any]:
        """The fields that every event has; `parts` make its id one of its own."""
        return {
            "event_id": self.event_id(*parts),
            "tenant_id": self.tenant_id,
            "cause": self.trigger.cause,
            "recorded_at": self.trigger.recorded_at,
        }

    def audit(
        self,
        subject: str,
        sentence: str,
        *,
        decision: Literal["changed", "refused", "held", "ignored"] = "changed",
        because: Because | None = None,
        member: MemberRef | None = None,
        access: tuple[Access, Access] | None = None,
        part: str = "",
    ) -> None:
        """One audit entry; `access` is applied access before and after."""
        entry = AuditEntry(
            **self.common("audit", decision, subject, part),
            decision=decision,
            subject=subject,
            actor=self.trigger.actor,
            occurred_at=self.trigger.occurred_at,
            because=because or self.trigger.because,
            sentence=sentence,
            member=member,
            access_from=access[0] if access else None,
            access_to=access[1] if access else None,
        )
        self.emit(entry)

    def tick(self, directory_id: str) -> Stamp:
        """The stamp of what is decided now in a SCIM directory: later than all before in it."""
        place = clock_key(self.tenant_id, directory_id)
        before = self.get(place, Clock)
        at = self.now if before is None else max(self.now, before.at + _MICROSECOND)
        self.put(place, Clock(at=at))
        return Stamp(at, self.trigger.cause)

    def revision(self, directory_id: str) -> int:
        """Up to where a SCIM directory is decided."""
        clock = self.get(clock_key(self.tenant_id, directory_id), Clock)
        return 0 if clock is None else revision_of(clock.at)

    def settle(self, change: Change, status: int, body: dict[str, Any]) -> None:
        """Answer who waits for the change, if anybody does."""
        if not change.reply:
            return
        about: dict[str, Any] = {}
        if isinstance(change, ScimChange):
            revision = self.revision(change.directory_id)
            about = {"directory_id": change.directory_id, "revision": revision}
        self.emit(ChangeSettled(**self.common("settled"), status=status, body=body, **about))

    def schedule(self, due: datetime, work: Work, *parts: str) -> None:
        """Leave follow-up work for when it is due."""
        kind = HOUSEKEEPING if isinstance(work, ForgetLate) else WORK
        self.put(work_key(due, self.tenant_id, self.event_id("work", *parts), kind=kind), work)

    def decision(self, outcome: Outcome = "applied") -> Decision:
        """What was decided."""
        return Decision(outcome=outcome, outputs=tuple(self._outputs), writes=self._overlay.writes)

    def mark(self) -> bool:
        """Remember the change for `limits.LATE_MARK_DAYS`; False if it is remembered already.

        By its mark a change is known again that leaves no other trace in the state.
        """
        mark = state.late_key(self.tenant_id, self.trigger.cause)
        if self.get(mark, state.Late) is not None:
            return False
        self.put(mark, state.Late())
        self.schedule(
            # From now, not from its arrival: a backlog may be older than that.
            self.now + timedelta(days=limits.LATE_MARK_DAYS),
            ForgetLate(change_id=self.trigger.cause),
        )
        return True

    def not_newer(self, stamp: Stamp, known: Stamp, subject: str, what: str) -> Decision:
        """A change that is no news: a repeat of the known one, or older than it."""
        if stamp == known:
            return Decision(outcome="repeat")
        return self.ignore_late(subject, what)

    def ignore_late(self, subject: str, what: str) -> Decision:
        """An outdated change: audited once, silent when it is repeated."""
        if not self.mark():
            return Decision(outcome="repeat")
        self.audit(
            subject,
            f"Ignored {what}: something newer is already known.",
            decision="ignored",
            part="late",
        )
        return self.decision("late")
