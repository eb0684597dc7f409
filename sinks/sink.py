"""What every sink is to the loop that feeds it."""

from collections.abc import Sequence
from typing import Protocol

from psycopg import Connection

from schemas.codec import Output
from schemas.topics import Topic


class Sink(Protocol):
    """What makes messages of some topics true in Postgres."""

    @property
    def topics(self) -> Sequence[Topic]:
        """What it reads."""

    def apply(self, connection: Connection, outputs: Sequence[Output]) -> None:
        """Write rows within the caller's transaction; the outputs are in the log's order.

        Messages of one partition come in order and once; a tenant's all come from one partition.
        What fails is undone, and comes again in smaller parts.

        Raises:
            Exception: see `sinks.bisecting.is_poison` for what is the message's fault.
        """

    def tidy(self, connection: Connection, /) -> None:
        """Do what can wait, in a transaction of its own; called about once a second.

        Several processes may do it at once, whoever owns which partition.
        """
