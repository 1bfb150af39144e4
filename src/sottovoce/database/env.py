"""Run by Alembic: migrates over the connection it is handed, and knows no URL of its own."""

from __future__ import annotations

from alembic import context

from sottovoce.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
