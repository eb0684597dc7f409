"""How far a sink has come: rows that move in the transaction of what they speak of (DESIGN §5.7).

Two processes may believe that a partition is theirs.  Only one of them finds the position that it
wrote itself; the other leaves, and its transaction with it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import TopicPartition
from psycopg import Connection

from schemas.positions import Installation, LogReader
from schemas.state import Position

_READ: Final = """
    SELECT topic_id, "offset", ce_id, reached FROM sink_position
    WHERE sink = %s AND topic = %s AND partition = %s
"""
_MOVE: Final = """
    INSERT INTO sink_position (sink, topic, partition, topic_id, "offset", ce_id)
    VALUES (%(sink)s, %(topic)s, %(partition)s, %(topic_id)s, %(offset)s, %(ce_id)s)
    ON CONFLICT (sink, topic, partition) DO UPDATE
    SET topic_id = excluded.topic_id, "offset" = excluded."offset", ce_id = excluded.ce_id
    WHERE sink_position."offset" = %(before)s
"""

_SAVE_END: Final = """
    UPDATE sink_position SET reached = %s
    WHERE sink = %s AND topic = %s AND partition = %s AND "offset" = %s
"""

Place = tuple[str, int]
"""A topic's name on the broker, and a partition."""


class MovedOnError(RuntimeError):
    """Another process has applied messages of a partition that this one took for its own."""


class Positions:
    """The positions of one sink's partitions, as this process last read or wrote them."""

    def __init__(self, sink: str, installation: Installation) -> None:
        self._sink = sink
        self._installation = installation
        self._owned: dict[Place, Position | None] = {}
        self._ends: dict[Place, int] = {}

    def take(
        self, connection: Connection, reader: LogReader, partitions: Iterable[TopicPartition]
    ) -> None:
        """Own partitions from now on, and set the offset of each to where reading goes on.

        Raises:
            LogMismatchError: a position is not of today's log.
            KafkaException: the broker does not answer.
        """
        with connection.transaction():
            for partition in partitions:
                place = (partition.topic, partition.partition)
                position, reached = self._read(connection, place)
                topic_id = self._installation.topic_ids[partition.topic]
                partition.offset = reader.next_offset(partition, topic_id, position, reached)
                self._owned[place] = position
                self._ends.pop(place, None)

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Own these no longer."""
        for partition in partitions:
            place = (partition.topic, partition.partition)
            self._owned.pop(place, None)
            self._ends.pop(place, None)  # what was handed out up to there is not applied

    def is_due(self, place: Place, offset: int) -> bool:
        """Whether a message is of a partition that is owned, and was not applied yet.

        Gaps are normal: transaction markers stand between messages.
        """
        if place not in self._owned:
            return False  # revoked since it was fetched
        position = self._owned[place]
        return position is None or offset > position.offset

    def at(self, place: Place, offset: int, ce_id: str) -> Position:
        """The position of a message."""
        topic_id = self._installation.topic_ids[place[0]]
        return Position(topic_id=topic_id, offset=offset, ce_id=ce_id)

    def move(self, connection: Connection, ends: Mapping[Place, Position]) -> None:
        """Write positions, within the transaction of the rows that they speak of.

        Call `moved` once that transaction is committed.

        Raises:
            MovedOnError: a row is not the one that this process knows.
        """
        # Sorted: two processes that fight over the same rows must not deadlock.  One by one: after
        # a pipeline Postgres does not notice that a client has fallen asleep in its transaction.
        for place in sorted(ends):
            if connection.execute(_MOVE, self._row(place, ends[place])).rowcount != 1:
                topic, partition = place
                raise MovedOnError(
                    f"Another process has moved {self._sink} on in {topic}[{partition}]: this one"
                    " leaves, and starts again from the position of then."
                )

    def hold(self, connection: Connection, place: Place) -> None:
        """Keep a partition until the end of the transaction: nobody else moves it meanwhile.

        Raises:
            MovedOnError: somebody else has done so already.
        """
        if (position := self._owned[place]) is not None:
            self.move(connection, {place: position})

    def moved(self, ends: Mapping[Place, Position]) -> None:
        """The transaction is committed."""
        self._owned.update(ends)

    def saw_end(self, place: Place, end: int) -> None:
        """The log of a partition ends here for now; what stands before it was handed out."""
        if place in self._owned:
            self._ends[place] = end

    def save_ends(self, connection: Connection) -> None:
        """Remember how far logs were read past what was applied last; call it when all is applied.

        Only markers of transactions stand there.  Without it, a log that retention has emptied
        would look as if something had been lost (DESIGN §5.4).
        """
        ends, self._ends = self._ends, {}
        if not ends:
            return
        with connection.transaction():
            for place, end in sorted(ends.items()):
                position = self._owned.get(place)
                if position is not None and end > position.offset + 1:
                    connection.execute(_SAVE_END, [end, self._sink, *place, position.offset])

    def _read(self, connection: Connection, place: Place) -> tuple[Position | None, int]:
        row = connection.execute(_READ, [self._sink, *place]).fetchone()
        if row is None:
            return None, 0
        topic_id, offset, ce_id, reached = row
        return Position(topic_id=topic_id, offset=offset, ce_id=ce_id), reached

    def _row(self, place: Place, position: Position) -> dict[str, str | int | None]:
        topic, partition = place
        before = self._owned[place]
        return {
            "sink": self._sink,
            "topic": topic,
            "partition": partition,
            "topic_id": position.topic_id,
            "offset": position.offset,
            "ce_id": position.ce_id,
            "before": before.offset if before is not None else None,
        }
