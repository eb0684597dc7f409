"""The Postgres tables of Rollcall's own books: dead letters, positions, the installation."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from schemas.read_models import metadata


def _at(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


dead_letter = Table(
    "dead_letter",
    metadata,
    Column("tenant_id", Text, primary_key=True),  # as the message's key has it; may be no tenant
    Column("letter_id", Text, primary_key=True),
    # Grows with each letter; those of one tenant in the order in which they came.
    Column("number", BigInteger, Identity(), nullable=False),
    Column("stage", Text, nullable=False),  # `processors`, `ingest`, or the name of a sink
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("removal", Boolean, nullable=False),
    Column("directory_id", Text),
    Column("cause", Text, nullable=False),  # ce_id of the message
    Column("topic", Text, nullable=False),  # its logical name
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("headers", JSONB, nullable=False),  # [[name, value in base64], …]
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("sha256", Text, nullable=False),
    _at("recorded_at"),
    Column("settled", Text),  # `replayed` or `dropped`; null while it is open
    _at("settled_at", nullable=True),
    Column("attempts", Integer, nullable=False, server_default="0"),  # failed replays
)
sink_position = Table(
    "sink_position",
    metadata,
    Column("sink", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("topic_id", Text, nullable=False),
    Column("offset", BigInteger, nullable=False),  # the last message that was applied
    Column("ce_id", Text, nullable=False),
    # how far the log was read beyond it, where only markers of transactions stood
    Column("reached", BigInteger, nullable=False, server_default="0"),
)
installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cluster_id", Text, nullable=False),
    Column("partitions", Integer, nullable=False),
    Column("topic_ids", JSONB, nullable=False),  # by the topic's name on the broker
)
