"""`python tests/house/schema.py SERVICE URL`: prints how a migrated database differs from the service's models.

In a process of its own for each service, since no module imports both.
"""

import asyncio
import importlib
import sys
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel


def differences(connection: Connection, service: str) -> list[Any]:
    models = importlib.import_module(f"{service}.models")
    metadata = getattr(models, "metadata", SQLModel.metadata)
    assert metadata.tables, "no tables"

    def ours(entry: Any, name: str | None, kind: str, *_: Any) -> bool:
        return not (kind == "table" and name is not None and name.endswith("_version"))

    def default_differs(*of: Any) -> bool | None:
        """What a migration gives to the rows of before stays as the column's default: SQLite can take none away, and
        whatever writes a row says every value. None: compare as usual."""
        in_models = of[4]
        return False if in_models is None else None

    options = {"compare_type": True, "compare_server_default": default_differs, "include_object": ours}
    context = MigrationContext.configure(connection, opts=options)
    return [repr(difference) for difference in compare_metadata(context, metadata)]


async def main(service: str, url: str) -> int:
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}[url.split(":")[0]]
    engine = create_async_engine(driver + url[url.index(":") :])
    async with engine.connect() as connection:
        found = await connection.run_sync(differences, service)
    await engine.dispose()
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
