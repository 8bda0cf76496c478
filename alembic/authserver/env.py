"""Run by `authserver.storage.migrations`, which hands over the connection."""

from alembic import context
from authserver.models import metadata
from authserver.storage.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
