"""Alembic's way in: it runs this file for each command, on the connection that it is handed."""

from alembic import context

# The caller's transaction holds the write lock, so that two processes never migrate at once.
context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
