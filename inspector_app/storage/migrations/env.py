"""Runs within the connection and transaction that ``storage.schema`` opened."""

from __future__ import annotations

from alembic import context

from inspector_app.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
