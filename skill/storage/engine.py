"""The engine of the cold path: commands and migrations. The service itself never loads it."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from skill.storage.database import SQLITE, SQLITE_PRAGMAS, sqlite_uri

CONNECTIONS = 5
"""To PostgreSQL, of each part of each process: beside them directives have theirs, of the hundred that it has."""


def open_engine(url: str, patience: float | None = None) -> AsyncEngine:
    """It connects at first use. Its errors name no values, which are verifiers and states: they reach logs. `patience`:
    seconds for one statement (PostgreSQL), which then raises TimeoutError."""
    if not url.startswith(SQLITE):
        # The URL goes to asyncpg as it is: `?host=/dir`, `?sslmode=…` then mean what they mean to psql.
        async def connect() -> Any:
            import asyncpg  # only where it is used: commands on SQLite need not load it

            return await asyncpg.connect(url, timeout=5, command_timeout=patience)

        # A connection that the database has ended meanwhile is found out before it is used, not by whoever needs it.
        usual: dict[str, Any] = {"pool_pre_ping": True, "pool_size": CONNECTIONS, "max_overflow": 0}
        return create_async_engine("postgresql+asyncpg://", async_creator=connect, hide_parameters=True, **usual)
    engine = create_async_engine(f"sqlite+aiosqlite:///{sqlite_uri(url)}&uri=true", hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    return engine
