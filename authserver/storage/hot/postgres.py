"""The hot path on PostgreSQL: raw asyncpg, keyed reads that share a round trip, jobs each in a transaction."""

import asyncio
from collections import defaultdict
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from authserver.storage.database import DatabaseUrl, StorageError
from authserver.storage.hot.notes import Batch, Notes
from authserver.storage.hot.protocol import Job, Row
from authserver.storage.hot.statement import KeyedRead, Statement

T = TypeVar("T")

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
POOL = 6  # connections of one worker
TIMEOUT = 3.0  # seconds for a statement or a connection; well inside Alexa's 4.5 s


async def _keep(_connection: Any) -> None:
    """Instead of asyncpg's reset after each use, which costs a round trip: nothing here changes a session's state."""


class PostgresTransaction:
    """Plain calls for the job; each waits in its greenlet."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def one(self, statement: Statement, **parameters: Any) -> Row | None:
        row = await_(self._connection.fetchrow(statement.postgres, *statement.positional(parameters)))
        return None if row is None else dict(row)

    def run(self, statement: Statement, **parameters: Any) -> None:
        await_(self._connection.execute(statement.postgres, *statement.positional(parameters)))


class PostgresStore:
    """At most one batch of keyed reads is on its way for each statement; what arrives meanwhile goes with the next. A
    lone read goes at once."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._waiting: dict[KeyedRead, dict[Any, list[asyncio.Future[Row | None]]]] = defaultdict(dict)
        self._reading: set[KeyedRead] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._notes = Notes(self._write_notes)

    @classmethod
    async def open(cls, url: DatabaseUrl) -> "PostgresStore":
        try:
            return cls(
                await asyncpg.create_pool(
                    url.text, min_size=1, max_size=POOL, timeout=TIMEOUT, command_timeout=TIMEOUT, reset=_keep
                )
            )
        except FAILURES as error:
            raise StorageError(f"{type(error).__name__}: {error}") from error

    async def read(self, statement: Statement, **parameters: Any) -> Row | None:
        try:
            row = await self._pool.fetchrow(statement.postgres, *statement.positional(parameters))
        except FAILURES as error:
            raise StorageError(f"{type(error).__name__}: {error}") from error
        return None if row is None else dict(row)

    async def read_key(self, statement: KeyedRead, key: str | bytes) -> Row | None:
        future: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._waiting[statement].setdefault(key, []).append(future)
        if statement not in self._reading:
            self._reading.add(statement)
            task = asyncio.ensure_future(self._read_keys(statement))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _read_keys(self, statement: KeyedRead) -> None:
        while waiting := self._waiting.pop(statement, None):
            try:
                rows = await self._pool.fetch(statement.many.postgres, list(waiting))
            except FAILURES as error:
                for futures in waiting.values():
                    for future in futures:
                        if not future.done():
                            future.set_exception(StorageError(f"{type(error).__name__}: {error}"))
                continue
            found = {row[statement.key]: dict(row) for row in rows}
            for key, futures in waiting.items():
                for future in futures:
                    if not future.done():
                        future.set_result(found.get(key))
        self._reading.discard(statement)

    async def write(self, job: Job[T]) -> T:
        try:
            async with self._pool.acquire(timeout=TIMEOUT) as connection, connection.transaction():
                result: T = await greenlet_spawn(job, PostgresTransaction(connection))
            return result
        except FAILURES as error:
            raise StorageError(f"{type(error).__name__}: {error}") from error

    def note(self, statement: Statement, key: str, **parameters: Any) -> None:
        self._notes.add(statement, key, parameters)

    async def _write_notes(self, batch: Batch) -> None:
        """Ordered by key, so that two workers lock rows in the same order."""
        grouped: dict[Statement, list[list[Any]]] = defaultdict(list)
        for statement, parameters in batch:
            grouped[statement].append(statement.positional(parameters))
        async with self._pool.acquire(timeout=TIMEOUT) as connection, connection.transaction():
            for statement, rows in grouped.items():
                await connection.executemany(statement.postgres, sorted(rows, key=str))

    async def close(self) -> None:
        await self._notes.flush()
        await self._pool.close()
