"""Everything: tables, roles that own nothing, row-level security, an audit log that only grows.

Until 1.0 this revision is rewritten instead of being followed by others.
"""

from alembic import op

from deploy.migrations.scim_tables import SCIM_TABLES
from deploy.migrations.tables import TABLES

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Roles belong to the cluster, and several databases of one cluster may be migrated at once: who
# comes second waits for the first, and then gets one of these errors.
ROLES = """
DO $roles$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['rollcall_gateway', 'rollcall_sink', 'rollcall_dashboard'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        -- The login may take the role, but its own statements do not get the role's rights.
        IF NOT pg_has_role(current_user, name, 'SET') THEN
            BEGIN
                EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', name);
            EXCEPTION WHEN unique_violation OR internal_error THEN NULL;
            END;
        END IF;
    END LOOP;
END
$roles$;
"""

# A session without a tenant sees no row: the setting is then NULL or empty, and no tenant is.
SECURITY = """
DO $security$
DECLARE
    name text;
    own CONSTANT text := $$tenant_id = current_setting('rollcall.tenant_id', true)$$;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'tenant', 'role', 'workspace', 'directory', 'directory_owner', 'directory_user',
        'directory_group', 'membership', 'group_mapping', 'member', 'member_workspace', 'session',
        'api_key', 'member_cutoff', 'audit_entry', 'outcome', 'dead_letter', 'directory_revision',
        'scim_token', 'scim_token_use', 'given_up', 'hold', 'directory_warning', 'manual_member',
        'domain'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        -- One sink writes for all tenants: its grants bound it, not its rows.
        EXECUTE format(
            'CREATE POLICY sink ON %I TO rollcall_sink USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY gateway_reads ON %I FOR SELECT TO rollcall_gateway USING (%s)',
            name, CASE
                -- The admin API lists the tenants, and says whether one exists at all.
                WHEN name = 'tenant' THEN 'true'
                -- A webhook names a directory; whose it is, is what the door asks.
                WHEN name = 'directory_owner' THEN 'true'
                -- The SCIM door learns the tenant from the token.
                WHEN name = 'scim_token' THEN 'true'
                -- One listener re-reads what all requests wait for, of many tenants at once.
                WHEN name = 'outcome' THEN 'true'
                -- Some letters name no tenant, and the operator lists those of all.
                WHEN name = 'dead_letter' THEN 'true'
                ELSE own
            END);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['session', 'api_key'] LOOP
        EXECUTE format(
            'CREATE POLICY gateway_adds ON %I FOR INSERT TO rollcall_gateway WITH CHECK (%s)',
            name, own);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['scim_token_use', 'given_up'] LOOP
        EXECUTE format(
            'CREATE POLICY gateway_writes ON %I TO rollcall_gateway USING (%s) WITH CHECK (%s)',
            name, own, own);
    END LOOP;
    -- A dashboard compares tenants: its grants bound it, to columns that tell of no person.
    FOREACH name IN ARRAY ARRAY['directory', 'dead_letter'] LOOP
        EXECUTE format(
            'CREATE POLICY dashboard_reads ON %I FOR SELECT TO rollcall_dashboard USING (true)',
            name);
    END LOOP;
END
$security$;
"""

GRANTS = """
GRANT USAGE ON SCHEMA public TO rollcall_gateway, rollcall_sink;
GRANT SELECT ON installation TO rollcall_gateway, rollcall_sink;

GRANT SELECT ON tenant, role, workspace, directory, directory_owner, directory_user,
    directory_group, membership, group_mapping, member, member_workspace, session, api_key,
    member_cutoff, audit_entry, outcome, dead_letter, directory_revision, scim_token, hold,
    directory_warning, manual_member, domain TO rollcall_gateway;
GRANT INSERT ON session, api_key TO rollcall_gateway;
GRANT SELECT, INSERT, UPDATE ON scim_token_use TO rollcall_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON given_up TO rollcall_gateway;

GRANT SELECT, INSERT, UPDATE ON tenant, role, workspace, directory, directory_user,
    directory_group, group_mapping, member, member_cutoff, outcome, dead_letter, sink_position,
    directory_revision, scim_token, hold, directory_warning, manual_member, domain
    TO rollcall_sink;
GRANT SELECT, INSERT ON directory_owner, membership, member_workspace, audit_entry TO rollcall_sink;
GRANT SELECT, DELETE ON session TO rollcall_sink;
GRANT UPDATE (label) ON session TO rollcall_sink; -- FOR UPDATE SKIP LOCKED asks for some column
GRANT SELECT, UPDATE (revoked_at) ON api_key TO rollcall_sink;
GRANT DELETE ON membership, member_workspace, outcome, hold, domain TO rollcall_sink;

GRANT USAGE ON SCHEMA public TO rollcall_dashboard;
GRANT SELECT (tenant_id, directory_id, name, provider) ON directory TO rollcall_dashboard;
GRANT SELECT (tenant_id, directory_id, stage, reason, removal, recorded_at, settled)
    ON dead_letter TO rollcall_dashboard; -- not what was said, nor about whom
"""

# Grants do not bind the owner, so a trigger does; ALWAYS: also where replication disables triggers.
AUDIT = """
CREATE FUNCTION audit_entry_only_grows() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    RAISE EXCEPTION 'audit_entry only grows: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$function$;
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_only_grows();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER only_grows;
"""


def upgrade() -> None:
    """Make everything."""
    psycopg = op.get_bind().connection.driver_connection  # takes scripts, and leaves % alone
    assert psycopg is not None
    for script in (TABLES, SCIM_TABLES, ROLES, SECURITY, GRANTS, AUDIT):
        psycopg.execute(script)


def downgrade() -> None:
    """There is nothing before this."""
    raise NotImplementedError("the first revision has none before it: drop the database instead")
