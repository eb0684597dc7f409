"""The same work done bare: what one could have at best with the same parts."""

import json
import sys
import time
from collections.abc import Sequence

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition

STEP = 200
PATIENCE = 10.0


def consume_and_produce(kafka: str, source: str, target: str, partitions: int, count: int) -> float:
    """Records a second of a loop that hands on each record in transactions of 200."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": f"{target}-bare",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 20,
        }
    )
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"{target}-bare"})
    producer.init_transactions(PATIENCE)
    consumer.assign([TopicPartition(source, each, 0) for each in range(partitions)])
    begun, done = 0.0, 0
    while done < count:
        batch = consumer.consume(min(STEP, count - done), PATIENCE if not done else 0.05)
        if not batch:
            continue
        begun = begun or time.perf_counter()
        producer.begin_transaction()
        for message in batch:
            producer.produce(
                target,
                message.value(),
                message.key(),
                message.partition() or 0,
                headers=message.headers(),
            )
        producer.flush(PATIENCE)
        producer.commit_transaction(PATIENCE)
        done += len(batch)
    elapsed = time.perf_counter() - begun
    consumer.close()
    return count / elapsed


def copy(database: str, rows: Sequence[bytes], batch: int = 1_000) -> float:
    """Rows a second of COPY into a table with a key, a transaction for each batch."""
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TEMP TABLE bare (number bigint PRIMARY KEY, value jsonb)")
        connection.commit()
        begun = time.perf_counter()
        for first in range(0, len(rows), batch):
            with (
                connection.transaction(),
                connection.cursor() as cursor,
                cursor.copy("COPY bare FROM STDIN") as into,
            ):
                for number, value in enumerate(rows[first : first + batch], first):
                    into.write_row((number, value.decode()))
        return len(rows) / (time.perf_counter() - begun)


if __name__ == "__main__":  # in a process of its own, as a worker is
    asked = json.loads(sys.argv[1])
    print(consume_and_produce(**asked))
