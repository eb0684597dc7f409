"""Faust's app: rebalances told to an Ownership, and a recovery that never stops in silence."""

from functools import cached_property
from typing import Any, Protocol

import faust
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery, ServiceStopped
from faust.types import TP
from mode.utils.queues import FlowControlEvent
from typing_extensions import override

from processors.fatal import StuckError, die, in_background
from processors.faust_internals.consumer import Ownership, Transport


class PatientRecovery(Recovery):
    """Ends the process when the broker is too slow for recovery, instead of deciding nothing."""

    @override
    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        # Faust takes a timeout for its own stop: the recovery task ends, heartbeats go on, and the
        # worker owns partitions that nobody decides.
        try:
            await super()._wait(coro, timeout)
        except ServiceStopped:
            if not self.should_stop:
                die(StuckError(f"Kafka did not answer recovery within {timeout} s: see to it."))
            raise


class Tables(TableManager):
    """Does not wait a second for tables that might be declared while it starts: ours is there."""

    @override
    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class FlowControl(FlowControlEvent):
    """Does not throw away what has been fetched since recovery."""

    @override
    def resume(self) -> None:
        # At the end of recovery Faust resumes, after the seek, a flow that is active already, and
        # its resume() also clears every stream's buffer: a start under load would leave a gap.
        if not self.is_active():
            super().resume()


class Watch(Protocol):
    """What runs beside everything else, from the start on."""

    async def run(self) -> None:
        """Ends by an exception only, and with it the process."""


class App(faust.App):
    """Faust's app, with its rebalances told to an Ownership."""

    ownership: Ownership
    watchdog: Watch

    @override
    async def on_start(self) -> None:
        # Faust's own tasks begin only after a recovery, which may be what stands still.
        await super().on_start()
        in_background("watchdog", self.watchdog.run())

    @override
    @cached_property
    def flow_control(self) -> FlowControl:
        """Suspends and resumes the streams' buffers."""
        return FlowControl()

    @override
    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    @override
    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        # Before super(): recovery starts inside it.  Actives only: a standby's changelog is among
        # the assigned ones too, and fencing it would end its rightful owner (faust-facts 7, 8).
        try:
            actives = {tp.partition for tp in self.active_changelogs()}
            changelogs = {tp for tp in assigned if tp.topic in self.tables.changelog_topics}
            await self.ownership.take_over(actives, {tp.partition for tp in changelogs} - actives)
        except BaseException:  # noqa: BLE001 # a partition that was not fenced may not be read
            die()
        await super()._on_partitions_assigned(assigned, generation_id)
        if not assigned:  # nothing to recover, so nobody asks for the seek that begins
            await self.ownership.begin()

    @override
    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        consumer: Any = self.consumer
        consumer.stop_reading()
        # super() first: it waits until what was fetched is acknowledged (faust-facts 10).
        await super()._on_partitions_revoked(revoked)
        await self.ownership.end()

    def use_patient_recovery(self) -> None:
        """Put ours in the place where the table manager would make its own."""
        tables: Any = self.tables
        tables._recovery = PatientRecovery(  # noqa: SLF001
            self, tables, beacon=tables.beacon, loop=tables.loop
        )

    def active_changelogs(self) -> set[TP]:
        """The changelog partitions that are ours, standbys excluded."""
        changelogs = self.tables.changelog_topics
        return {tp for tp in self.assignor.assigned_actives() if tp.topic in changelogs}
