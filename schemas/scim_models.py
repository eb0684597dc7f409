"""The Postgres tables behind the SCIM door, and those that tell what is held or to be known."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from schemas.read_models import metadata

directory_revision = Table(
    "directory_revision",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("directory_id", Text, primary_key=True),
    # Everything that was decided of the directory up to here stands in the other tables.
    Column("revision", BigInteger, nullable=False),
)
scim_token = Table(
    "scim_token",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("directory_id", Text, primary_key=True),
    Column("token_id", Text, primary_key=True),
    Column("sha256", Text, nullable=False),  # of the whole token, in hex
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)
scim_token_use = Table(  # written by the gateway
    "scim_token_use",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("token_id", Text, primary_key=True),
    Column("last_used_at", DateTime(timezone=True), nullable=False),  # to the minute
)
given_up = Table(  # written by the gateway: requests that were answered 503 and may still land
    "given_up",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("directory_id", Text, primary_key=True),
    Column("resource_id", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("given_up_at", DateTime(timezone=True), nullable=False),
)
hold = Table(
    "hold",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("member_id", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("discarded", Boolean, nullable=False),
    Column("desired", JSONB, nullable=False),
    Column("rivals", JSONB, nullable=False),  # ids of members of whom the person may be one
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)
manual_member = Table(  # what the product says of its members
    "manual_member",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("member_id", Text, primary_key=True),
    Column("product_id", Text),
    Column("standing", Text, nullable=False),
    Column("role", Text),
    Column("workspaces", JSONB, nullable=False),
    Column("email", Text),
    Column("display_name", Text, nullable=False),
    Column("external_id", Text),
    Column("joined_at", DateTime(timezone=True)),
    Column("protected", Boolean, nullable=False),
)
domain = Table(
    "domain",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("domain", Text, primary_key=True),
    Column("proof", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)
directory_warning = Table(
    "directory_warning",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("directory_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)
