"""What alembic runs for each migration: the connection is the one that Database.migrate holds the lock for."""

from __future__ import annotations

from alembic import context

from vectune.jobs.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
