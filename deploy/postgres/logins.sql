-- A login for each stage and for Grafana; run it with psql as the owner, after `rollcall db upgrade`.
-- Doing it again changes nothing but the passwords, which come from the environment:
--   GATEWAY_DATABASE_PASSWORD, PROCESSORS_DATABASE_PASSWORD, SINKS_DATABASE_PASSWORD and
--   DASHBOARD_DATABASE_PASSWORD.
-- docker-compose.yml does so at each start.
\set ON_ERROR_STOP on
\getenv gateway_password GATEWAY_DATABASE_PASSWORD
\getenv processors_password PROCESSORS_DATABASE_PASSWORD
\getenv sinks_password SINKS_DATABASE_PASSWORD
\getenv dashboard_password DASHBOARD_DATABASE_PASSWORD

SET client_min_messages = warning;
BEGIN;

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY[
    'rollcall_gateway_login', 'rollcall_processors_login', 'rollcall_sinks_login',
    'rollcall_dashboard_login'
]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE rollcall_gateway_login PASSWORD :'gateway_password';
ALTER ROLE rollcall_processors_login PASSWORD :'processors_password';
ALTER ROLE rollcall_sinks_login PASSWORD :'sinks_password';
ALTER ROLE rollcall_dashboard_login PASSWORD :'dashboard_password';

GRANT rollcall_gateway TO rollcall_gateway_login;
GRANT rollcall_sink TO rollcall_sinks_login;
GRANT rollcall_dashboard TO rollcall_dashboard_login;
-- A worker only asks, at its start, which Kafka is the right one.
GRANT SELECT ON installation TO rollcall_processors_login;

-- Whoever writes a panel is bound by what rollcall_dashboard was granted, and by this limit.
ALTER ROLE rollcall_dashboard_login CONNECTION LIMIT 10;
-- These two are defaults, which a panel can SET away: they only guard against accidents, such as a
-- query that never ends.
ALTER ROLE rollcall_dashboard_login SET default_transaction_read_only = on;
ALTER ROLE rollcall_dashboard_login SET statement_timeout = '10s';

COMMIT;
