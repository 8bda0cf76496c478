"""Telling running workers what the CLI or another replica has changed (design, decision 12).

Clients and keys are cached in each process. Whoever changes one calls `announce` in the same transaction; it raises a
counter and, on PostgreSQL, notifies. Workers drop their caches within a second. Grants and users are never cached.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlmodel import col, select, text, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import ServerState
from authserver.storage.database import Database, StorageError, driver_errors

log = logging.getLogger(__name__)

CHANNEL = "authserver_revision"
POLL = 0.25  # seconds between two looks at `PRAGMA data_version`, which costs microseconds
NET = 30.0  # seconds after which a PostgreSQL worker looks for itself, in case a notification was lost


async def announce(session: AsyncSession) -> None:
    """Called in the unit of work that changes a client or a key."""
    await session.exec(
        update(ServerState).where(col(ServerState.name) == "revision").values(number=col(ServerState.number) + 1)
    )
    if session.get_bind().dialect.name == "postgresql":
        await session.exec(text(f"SELECT pg_notify('{CHANNEL}', '')"))  # type: ignore[call-overload]


class Changes:
    """Awaits `changed` in this process whenever the revision has moved, and after every loss of the connection. What
    fails with the database is tried again: a revoked key must not live on because one read was lost."""

    def __init__(self, database: Database, changed: Callable[[], Awaitable[None]]) -> None:
        self.database = database
        self.changed = changed
        self.revision = -1

    async def run(self) -> None:
        """Ends when cancelled; a database that is away is tried again."""
        while True:
            with suppress(*driver_errors(), StorageError):
                if self.database.url.kind == "sqlite":
                    await self._watch_sqlite()
                else:
                    await self._listen()
            await asyncio.sleep(1)

    async def _look(self) -> None:
        async with self.database.unit() as session:
            number = (await session.exec(select(ServerState.number).where(ServerState.name == "revision"))).one()
        if number != self.revision:
            await self.changed()
            self.revision = number

    async def _watch_sqlite(self) -> None:
        """`data_version` moves when another connection commits; only then is the revision read."""
        connection = sqlite3.connect(self.database.url.sqlite_uri, uri=True)
        try:
            seen = -1
            while True:
                version = connection.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    await self._look()
                await asyncio.sleep(POLL)
        finally:
            connection.close()

    async def _listen(self) -> None:
        import asyncpg  # only here, see `driver_errors`

        connection = await asyncpg.connect(self.database.url.text, timeout=5)
        woken = asyncio.Event()
        try:
            await connection.add_listener(CHANNEL, lambda *_: woken.set())
            connection.add_termination_listener(lambda *_: woken.set())
            self.revision = -1
            while not connection.is_closed():
                await self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(NET):
                        await woken.wait()
                woken.clear()
        finally:
            await connection.close(timeout=1)
