"""Alembic's entry: runs versions on the connection, and in the transaction, that `database.migrate` hands over."""

from alembic import context

from app.gallery.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
