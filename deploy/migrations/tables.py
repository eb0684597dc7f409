"""The tables and indexes of revision 0001; the columns are those of `schemas.read_models`."""

from typing import Final

TABLES: Final = """
CREATE TABLE tenant (
    tenant_id text PRIMARY KEY,
    name text NOT NULL,
    default_role text,
    sole_admin text NOT NULL,
    breaker text NOT NULL,
    linked text NOT NULL,
    own_attributes jsonb NOT NULL,
    kept_as_sent jsonb NOT NULL
);
CREATE TABLE role (
    tenant_id text,
    slug text,
    rank integer NOT NULL,
    is_admin boolean NOT NULL,
    PRIMARY KEY (tenant_id, slug)
);
CREATE TABLE workspace (
    tenant_id text,
    slug text,
    name text NOT NULL,
    PRIMARY KEY (tenant_id, slug)
);
CREATE TABLE directory (
    tenant_id text,
    directory_id text,
    name text NOT NULL,
    provider text NOT NULL,
    kind text NOT NULL,
    mode text NOT NULL,
    connected boolean NOT NULL,
    on_disconnect text NOT NULL,
    ended_at timestamptz,
    replaces text,
    replaced_by text,
    PRIMARY KEY (tenant_id, directory_id)
);
CREATE TABLE directory_owner (
    directory_id text PRIMARY KEY,
    tenant_id text NOT NULL
);
CREATE TABLE directory_user (
    tenant_id text,
    directory_id text,
    user_id text,
    idp_id text NOT NULL,
    active boolean NOT NULL,
    deleted boolean NOT NULL,
    member_id text,
    email text,
    first_name text,
    last_name text,
    user_name text,
    attributes jsonb NOT NULL,
    user_name_key text,
    external_id text,
    resource jsonb NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL,
    leaving boolean NOT NULL,
    PRIMARY KEY (tenant_id, directory_id, user_id)
);
CREATE INDEX directory_user_by_name ON directory_user (tenant_id, directory_id, user_name_key);
CREATE INDEX directory_user_by_external_id ON directory_user (tenant_id, directory_id, external_id);
CREATE INDEX directory_user_by_creation
    ON directory_user (tenant_id, directory_id, created_at, user_id) WHERE NOT deleted;
CREATE INDEX directory_user_by_member ON directory_user (tenant_id, member_id);
CREATE TABLE directory_group (
    tenant_id text,
    directory_id text,
    group_id text,
    name text NOT NULL,
    deleted boolean NOT NULL,
    external_id text,
    resource jsonb NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, directory_id, group_id)
);
CREATE INDEX directory_group_by_name ON directory_group (tenant_id, directory_id, lower(name));
CREATE INDEX directory_group_by_external_id
    ON directory_group (tenant_id, directory_id, external_id);
CREATE INDEX directory_group_by_creation
    ON directory_group (tenant_id, directory_id, created_at, group_id) WHERE NOT deleted;
CREATE TABLE membership (
    tenant_id text,
    directory_id text,
    group_id text,
    user_id text,
    PRIMARY KEY (tenant_id, directory_id, group_id, user_id)
);
CREATE INDEX membership_by_user ON membership (tenant_id, directory_id, user_id);
CREATE TABLE group_mapping (
    tenant_id text,
    directory_id text,
    group_id text,
    role text,
    workspaces jsonb NOT NULL,
    PRIMARY KEY (tenant_id, directory_id, group_id)
);
CREATE TABLE member (
    tenant_id text,
    member_id text,
    product_id text,
    external_ids jsonb NOT NULL,
    email text,
    display_name text NOT NULL,
    attributes jsonb NOT NULL,
    standing text NOT NULL,
    role text,
    revision bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, member_id)
);
CREATE INDEX member_by_role ON member (tenant_id, role, member_id);
CREATE INDEX member_by_standing ON member (tenant_id, standing, member_id);
CREATE INDEX member_by_email ON member (tenant_id, lower(email));
CREATE TABLE member_workspace (
    tenant_id text,
    member_id text,
    workspace text,
    role text,
    PRIMARY KEY (tenant_id, member_id, workspace)
);
CREATE INDEX member_workspace_by_workspace ON member_workspace (tenant_id, workspace, member_id);
CREATE TABLE session (
    tenant_id text,
    session_id text,
    member_id text NOT NULL,
    label text NOT NULL,
    created_at timestamptz NOT NULL,
    member_revision bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, session_id)
);
CREATE INDEX session_by_member ON session (tenant_id, member_id);
CREATE TABLE api_key (
    tenant_id text,
    key_id text,
    member_id text NOT NULL,
    label text NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    member_revision bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, key_id)
);
CREATE INDEX api_key_by_member ON api_key (tenant_id, member_id);
CREATE TABLE member_cutoff (
    tenant_id text,
    member_id text,
    login_cutoff timestamptz,
    claims_cutoff timestamptz,
    login_revision bigint,
    PRIMARY KEY (tenant_id, member_id)
);
CREATE TABLE audit_entry (
    tenant_id text,
    sequence bigint,
    entry_id text NOT NULL,
    decision text NOT NULL,
    subject text NOT NULL,
    actor text NOT NULL,
    member_id text,
    role_from text,
    role_to text,
    sentence text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    entry jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, sequence),
    UNIQUE (tenant_id, entry_id)
);
CREATE INDEX audit_entry_by_member ON audit_entry (tenant_id, member_id, sequence);
CREATE INDEX audit_entry_by_role_to ON audit_entry (tenant_id, role_to, recorded_at);
CREATE TABLE outcome (
    tenant_id text,
    change_id text,
    status integer NOT NULL,
    body jsonb NOT NULL,
    settled_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, change_id)
);
CREATE INDEX outcome_by_settled_at ON outcome (settled_at);
CREATE TABLE dead_letter (
    tenant_id text,
    letter_id text,
    number bigint GENERATED BY DEFAULT AS IDENTITY,
    stage text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    entity text NOT NULL,
    removal boolean NOT NULL,
    directory_id text,
    cause text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    headers jsonb NOT NULL,
    key bytea,
    value bytea,
    sha256 text NOT NULL,
    recorded_at timestamptz NOT NULL,
    settled text,
    settled_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, letter_id)
);
CREATE UNIQUE INDEX dead_letter_by_id ON dead_letter (letter_id);
CREATE INDEX dead_letter_by_number ON dead_letter (number);
CREATE INDEX dead_letter_open ON dead_letter (tenant_id, entity, number) WHERE settled IS NULL;
CREATE INDEX dead_letter_unassigned ON dead_letter (directory_id, number)
    WHERE settled IS NULL AND reason = 'unknown_directory';
CREATE INDEX dead_letter_by_place ON dead_letter (stage, topic, partition, "offset");
CREATE TABLE sink_position (
    sink text,
    topic text,
    partition integer,
    topic_id text NOT NULL,
    "offset" bigint NOT NULL,
    ce_id text NOT NULL,
    reached bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (sink, topic, partition)
);
CREATE TABLE installation (
    name text PRIMARY KEY,
    cluster_id text NOT NULL,
    partitions integer NOT NULL,
    topic_ids jsonb NOT NULL
);
"""
