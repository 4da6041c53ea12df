"""Alembic's entry point: runs the migrations on the connection that `controlplane.store.migration` hands over."""

from alembic import context

from controlplane.store.schema import metadata

# SQLite can roll back a half-done migration, once told that transactions are ours.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
