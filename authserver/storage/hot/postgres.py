"""The hot path on PostgreSQL: raw asyncpg, keyed reads that share a round trip, jobs each in a transaction."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from authserver.storage.database import DatabaseUrl, StorageError
from authserver.storage.hot.notes import Batch, Notes
from authserver.storage.hot.protocol import Job, Row
from authserver.storage.hot.statement import KeyedRead, KeyedWrite, Statement

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


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(StorageError(f"{type(error).__name__}: {error}"))


class PostgresStore:
    """At most one batch of keyed reads or changes is on its way for each statement; what arrives meanwhile goes with
    the next. A lone one goes at once."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._waiting: dict[KeyedRead, dict[Any, list[asyncio.Future[Row | None]]]] = defaultdict(dict)
        self._reading: set[KeyedRead] = set()
        self._changes: dict[KeyedWrite, list[tuple[dict[str, Any], asyncio.Future[Row | None]]]] = defaultdict(list)
        self._changing: set[KeyedWrite] = set()
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

    async def execute(self, statement: Statement, **parameters: Any) -> Row | None:
        return await self.read(statement, **parameters)  # one statement alone is a transaction to PostgreSQL

    def read_key(self, statement: KeyedRead, key: str | bytes) -> Awaitable[Row | None]:
        future: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._waiting[statement].setdefault(key, []).append(future)
        if statement not in self._reading:
            self._reading.add(statement)
            self._begin(self._read_keys(statement))
        return future

    async def _read_keys(self, statement: KeyedRead) -> None:
        while waiting := self._waiting.pop(statement, None):
            try:
                rows = await self._pool.fetch(statement.many.postgres, list(waiting))
            except Exception as error:  # whatever it is: nobody may wait for ever
                for futures in waiting.values():
                    for future in futures:
                        _fail(future, error)
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

    def change(self, statement: KeyedWrite, **parameters: Any) -> Awaitable[Row | None]:
        future: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._changes[statement].append((parameters, future))
        if statement not in self._changing:
            self._changing.add(statement)
            self._begin(self._change(statement))
        return future

    async def _change(self, statement: KeyedWrite) -> None:
        """A row that is asked for twice is changed twice: the second waits for the next statement."""
        while waiting := self._changes.pop(statement, None):
            batch: dict[Any, tuple[dict[str, Any], asyncio.Future[Row | None]]] = {}
            for entry in waiting:
                if batch.setdefault(entry[0][statement.parameter], entry) is not entry:
                    self._changes[statement].append(entry)
            await self._change_batch(statement, [batch[key] for key in sorted(batch)])
        self._changing.discard(statement)

    async def _change_batch(
        self, statement: KeyedWrite, batch: list[tuple[dict[str, Any], asyncio.Future[Row | None]]]
    ) -> None:
        """In the order of the keys, so that two workers lock rows in the same order."""
        each = [parameters for parameters, _ in batch]
        try:
            rows = await self._pool.fetch(statement.many.postgres, *statement.arrays(each))
        except asyncpg.PostgresError as error:
            if len(batch) > 1:  # one of them may be to blame
                for entry in batch:
                    await self._change_batch(statement, [entry])
            else:
                _fail(batch[0][1], error)
            return
        except Exception as error:  # whatever it is: nobody may wait for ever
            for _, future in batch:
                _fail(future, error)
            return
        found = {row[statement.key]: dict(row) for row in rows}
        for parameters, future in batch:
            if not future.done():
                future.set_result(found.get(parameters[statement.parameter]))

    def note(self, statement: KeyedWrite, **parameters: Any) -> None:
        self._notes.add(statement, parameters)

    async def _write_notes(self, statement: KeyedWrite, batch: Batch) -> None:
        await self._pool.fetch(statement.many.postgres, *statement.arrays(batch))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        await self._notes.close()
        await self._pool.close()
