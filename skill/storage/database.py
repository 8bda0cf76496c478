"""The database by its URL: the engine of the cold path, and what the raw drivers of the hot path need."""

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

SQLITE = "sqlite:///"
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA busy_timeout=5000",
    "PRAGMA foreign_keys=ON",
)


def sqlite_path(url: str) -> str:
    """`sqlite:///relative` and `sqlite:////absolute`, as SQLAlchemy reads them."""
    return url.removeprefix(SQLITE)


def make_folder(url: str) -> None:
    """The folder of a SQLite file, for the first migration."""
    Path(sqlite_path(url)).absolute().parent.mkdir(parents=True, exist_ok=True)


def open_engine(url: str) -> AsyncEngine:
    """The engine of the cold path (commands, migrations). It connects at first use."""
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
