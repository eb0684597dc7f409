"""The tables of revision 0001 behind the SCIM door, as `schemas.scim_models` has them."""

from typing import Final

SCIM_TABLES: Final = """
CREATE TABLE directory_revision (
    tenant_id text,
    directory_id text,
    revision bigint NOT NULL,
    PRIMARY KEY (tenant_id, directory_id)
);
CREATE TABLE scim_token (
    tenant_id text,
    directory_id text,
    token_id text,
    sha256 text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, directory_id, token_id)
);
CREATE INDEX scim_token_by_id ON scim_token (token_id);
CREATE TABLE scim_token_use (
    tenant_id text,
    token_id text,
    last_used_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, token_id)
);
CREATE TABLE given_up (
    tenant_id text,
    directory_id text,
    resource_id text,
    request_hash text NOT NULL,
    given_up_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, directory_id, resource_id)
);
CREATE INDEX given_up_by_request ON given_up (tenant_id, directory_id, request_hash);
CREATE INDEX given_up_by_time ON given_up (tenant_id, directory_id, given_up_at);
CREATE TABLE hold (
    tenant_id text,
    member_id text,
    display_name text NOT NULL,
    reason text NOT NULL,
    discarded boolean NOT NULL,
    desired jsonb NOT NULL,
    rivals jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, member_id)
);
CREATE TABLE manual_member (
    tenant_id text,
    member_id text,
    product_id text,
    standing text NOT NULL,
    role text,
    workspaces jsonb NOT NULL,
    email text,
    display_name text NOT NULL,
    external_id text,
    joined_at timestamptz,
    protected boolean NOT NULL,
    PRIMARY KEY (tenant_id, member_id)
);
CREATE INDEX manual_member_by_product_id ON manual_member (tenant_id, product_id);
CREATE TABLE domain (
    tenant_id text,
    domain text,
    proof text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, domain)
);
CREATE TABLE directory_warning (
    tenant_id text,
    directory_id text,
    kind text,
    what text,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, directory_id, kind, what)
);
"""
