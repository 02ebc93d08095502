"""Run by Alembic: migrations happen on the connection, and in the transaction, that store.migrate hands over."""

from alembic import context

from facevalue.registry.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
