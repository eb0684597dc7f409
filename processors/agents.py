"""Faust's agents: they feed the lanes, nothing else."""

from typing import Any

from processors.faust_internals.application import App
from processors.faust_internals.store import ReceivedEvent
from processors.ownership import PartitionOwnership


async def feed(app: App, ownership: PartitionOwnership, stream: Any, lane: int) -> None:
    """Hand each message to its partition's loop, which acknowledges it after the transaction.

    `noack()`, because an exception that leaves an agent would lose the event (faust-facts 6).
    """
    async for event in stream.noack().events():
        received = ReceivedEvent(app, event)
        loop = ownership.loops.get(event.message.partition)
        if loop is None:
            # Between two generations: the next loop reads it again.  Left unacknowledged it would
            # hold up every later rebalance and the worker's end, for which Faust waits.
            received.acknowledge()
        else:
            loop.put(lane, received)
