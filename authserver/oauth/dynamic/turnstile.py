"""How much of the database those may ask for who have proven nothing yet.

A registration access token is looked up on the cold path, whose connections are few, and what many strangers ask at
once must leave some of them to clients that get tokens (contracts/alexa.md section 0)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.storage.database import Database, StorageError

AT_ONCE = 4  # units of work; the pool has fifteen connections
MOST_WAITING = 64


class Turnstile:
    """One for each process."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)
        self._inside = 0

    @asynccontextmanager
    async def unit(self, database: Database) -> AsyncIterator[AsyncSession]:
        """`database.unit`, when it is its turn. Raises `StorageError` at once where too many wait."""
        if self._inside >= AT_ONCE + MOST_WAITING:
            raise StorageError("too many ask for registrations at once")
        self._inside += 1
        try:
            async with self._free, database.unit() as session:
                yield session
        finally:
            self._inside -= 1
