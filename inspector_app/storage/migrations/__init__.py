"""Alembic's migrations, run by ``storage.schema`` when a database is opened."""
