"""The engine of the cold path: commands and migrations. The service itself never loads it."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from skill.storage.database import SQLITE, SQLITE_PRAGMAS, sqlite_path


def open_engine(url: str) -> AsyncEngine:
    """It connects at first use."""
    if not url.startswith(SQLITE):
        # The URL goes to asyncpg as it is: `?host=/dir`, `?sslmode=…` then mean what they mean to psql.
        async def connect() -> Any:
            import asyncpg  # only where it is used: commands on SQLite need not load it

            return await asyncpg.connect(url, timeout=5)

        return create_async_engine("postgresql+asyncpg://", async_creator=connect)
    engine = create_async_engine(f"sqlite+aiosqlite:///{sqlite_path(url)}")

    @event.listens_for(engine.sync_engine, "connect")
    def _(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    return engine
