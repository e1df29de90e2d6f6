"""Alembic's environment: it runs on the connection that `fanfare_shared.db.migrate` hands over."""

from alembic import context
from sqlmodel import SQLModel

from fanfare_shared.db import tables  # noqa: F401 - fills the metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata)
with context.begin_transaction():
    context.run_migrations()
