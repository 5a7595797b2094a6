"""What Alembic runs; the caller has opened the connection and begun the transaction."""

from __future__ import annotations

from alembic import context

from voipkit.store.sql_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="voipkit_schema",
    transactional_ddl=True,
)
context.run_migrations()
