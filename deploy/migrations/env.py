"""Alembic's way in: the connection comes from `deploy.database.upgrade`, and so does its commit."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
