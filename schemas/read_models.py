"""The Postgres tables, as values for queries.  Migrations make them; a test holds both together.

The tenant is the first column of every key, and row-level security is forced on every table that
has one.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

GATEWAY_ROLE = "rollcall_gateway"
"""The database role of ingest: reads the tenant that it names, writes only what is its own."""
SINK_ROLE = "rollcall_sink"
"""The database role of the sinks."""
TENANT_SETTING = "rollcall.tenant_id"
"""The Postgres setting that says which tenant's rows the gateway's transaction may see."""
OUTCOME_CHANNEL = "rollcall_outcome"
"""The NOTIFY channel on which directory_view says which changes are settled.

The payload is a change id.
"""


def _at(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


tenant = Table(
    "tenant",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("default_role", Text),
    Column("sole_admin", Text, nullable=False),
    Column("breaker", Text, nullable=False),
    Column("linked", Text, nullable=False),
    Column("own_attributes", JSONB, nullable=False),
    Column("kept_as_sent", JSONB, nullable=False),
)
role = Table(
    "role",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("rank", Integer, nullable=False),
    Column("is_admin", Boolean, nullable=False),
)
workspace = Table(
    "workspace",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("name", Text, nullable=False),
)
directory = Table(
    "directory",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("directory_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("connected", Boolean, nullable=False),
    Column("on_disconnect", Text, nullable=False),
    _at("ended_at", nullable=True),
    Column("replaces", Text),
    Column("replaced_by", Text),
)
directory_owner = Table(  # across tenants: the door asks it before it knows the tenant
    "directory_owner",
    metadata,
    Column("directory_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
)
directory_user = Table(
    "directory_user",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("directory_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("idp_id", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("member_id", Text),
    Column("email", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("user_name", Text),
    Column("attributes", JSONB, nullable=False),
    Column("user_name_key", Text),
    Column("external_id", Text),
    Column("resource", JSONB, nullable=False),
    Column("revision", BigInteger, nullable=False),
    _at("created_at"),
    Column("leaving", Boolean, nullable=False),
)
directory_group = Table(
    "directory_group",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("directory_id", Text, primary_key=True),
    Column("group_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("external_id", Text),
    Column("resource", JSONB, nullable=False),
    Column("revision", BigInteger, nullable=False),
    _at("created_at"),
)
membership = Table(
    "membership",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("directory_id", Text, primary_key=True),
    Column("group_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
)
group_mapping = Table(
    "group_mapping",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("directory_id", Text, primary_key=True),
    Column("group_id", Text, primary_key=True),
    Column("role", Text),
    Column("workspaces", JSONB, nullable=False),
)
member = Table(
    "member",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("member_id", Text, primary_key=True),
    Column("product_id", Text),
    Column("external_ids", JSONB, nullable=False),
    Column("email", Text),
    Column("display_name", Text, nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("standing", Text, nullable=False),
    Column("role", Text),
    Column("revision", BigInteger, nullable=False),
    _at("changed_at"),
)
member_workspace = Table(
    "member_workspace",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("member_id", Text, primary_key=True),
    Column("workspace", Text, primary_key=True),
    Column("role", Text),
)
session = Table(  # a reference for products that have no session store of their own
    "session",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    Column("member_id", Text, nullable=False),
    Column("label", Text, nullable=False),
    _at("created_at"),
    Column("member_revision", BigInteger, nullable=False, server_default="0"),
)
api_key = Table(
    "api_key",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("member_id", Text, nullable=False),
    Column("label", Text, nullable=False),
    _at("created_at"),
    _at("revoked_at", nullable=True),
    Column("member_revision", BigInteger, nullable=False, server_default="0"),
)
member_cutoff = Table(
    "member_cutoff",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("member_id", Text, primary_key=True),
    _at("login_cutoff", nullable=True),  # tokens made before it are void
    _at("claims_cutoff", nullable=True),  # tokens made before it must be refreshed
    # Sessions and keys that were made while the member's revision was not higher are void: no
    # clock and no order of commits can let a login in between survive.
    Column("login_revision", BigInteger),
)
audit_entry = Table(
    "audit_entry",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("entry_id", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("member_id", Text),
    Column("role_from", Text),
    Column("role_to", Text),
    Column("sentence", Text, nullable=False),
    _at("occurred_at"),
    _at("recorded_at"),
    Column("entry", JSONB, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
outcome = Table(
    "outcome",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("change_id", Text, primary_key=True),
    Column("status", Integer, nullable=False),
    Column("body", JSONB, nullable=False),
    _at("settled_at"),
)
