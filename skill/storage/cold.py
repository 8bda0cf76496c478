"""The cold path inside the running service, for what is no directive: the companion's pages and the events.

Opened where it is used; a service that only obeys directives never loads it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.storage.engine import open_engine

PATIENCE = 10.0  # seconds for one statement


class Cold:
    """Units of work, each committed when its block ends well, else nothing happened. It connects at first use. A
    database that takes statements and answers none is one that is away (`patience`, PostgreSQL): nobody waits for
    good."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self._engine = open_engine(url, patience)

    @asynccontextmanager
    async def unit(self, write: bool = True) -> AsyncIterator[AsyncSession]:
        """On SQLite a unit that may write has the file to itself from its beginning: of two that read first and write
        then, one would be refused. No network inside a unit."""
        async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
            if write and self._engine.dialect.name == "sqlite":
                connection = await session.connection()
                await connection.execute(text("BEGIN IMMEDIATE"))
            yield session

    async def close(self) -> None:
        await self._engine.dispose()
