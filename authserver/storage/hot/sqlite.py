"""The hot path on SQLite: reads inline on one connection, writes batched on another in a thread of its own."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from authserver.storage.database import SQLITE_PRAGMAS, DatabaseUrl, StorageError
from authserver.storage.hot.notes import Batch, Notes
from authserver.storage.hot.protocol import Job, Row
from authserver.storage.hot.statement import KeyedRead, Statement

T = TypeVar("T")


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    return dict(zip((column[0] for column in cursor.description), values, strict=True))


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)
    connection.row_factory = _row
    return connection


class SqliteTransaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def one(self, statement: Statement, **parameters: Any) -> Row | None:
        # fetchall, not fetchone: an UPDATE … RETURNING is done only when it has been stepped to its end
        rows = self._connection.execute(statement.sqlite, parameters).fetchall()
        return rows[0] if rows else None

    def run(self, statement: Statement, **parameters: Any) -> None:
        self._connection.execute(statement.sqlite, parameters).fetchall()


class SqliteStore:
    """A read costs some microseconds, less than a task switch, and WAL readers never wait for a writer. The jobs of one
    loop tick, and all that arrive while a batch runs, are one `BEGIN IMMEDIATE … COMMIT` with one fsync."""

    def __init__(self, url: DatabaseUrl) -> None:
        try:
            self._reader = _connect(url.path)
            self._writer = _connect(url.path)
        except sqlite3.Error as error:
            raise StorageError(f"cannot open {url.path}: {error}") from error
        self._thread = ThreadPoolExecutor(1, "authserver-writer")
        self._queue: list[tuple[Job[Any], asyncio.Future[Any]]] = []
        self._armed = False
        self._notes = Notes(self._write_notes)

    async def read(self, statement: Statement, **parameters: Any) -> Row | None:
        try:
            row: Row | None = self._reader.execute(statement.sqlite, parameters).fetchone()
        except sqlite3.Error as error:
            raise StorageError(str(error)) from error
        return row

    async def read_key(self, statement: KeyedRead, key: str | bytes) -> Row | None:
        return await self.read(statement.one, key=key)

    async def write(self, job: Job[T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.append((job, future))
        if not self._armed:
            self._armed = True
            loop.call_soon(self._start)
        return await future

    def note(self, statement: Statement, key: str, **parameters: Any) -> None:
        self._notes.add(statement, key, parameters)

    async def _write_notes(self, batch: Batch) -> None:
        def job(transaction: Any) -> None:
            for statement, parameters in batch:
                transaction.run(statement, **parameters)

        await self.write(job)

    def _start(self) -> None:
        batch, self._queue = self._queue, []
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._thread, self._run, [job for job, _ in batch])
        running.add_done_callback(lambda done: self._finish(batch, done))

    def _run(self, jobs: list[Job[Any]]) -> list[tuple[Any, BaseException | None]]:
        """In the writer's thread. Results count only after the COMMIT."""
        connection = self._writer
        transaction = SqliteTransaction(connection)
        results: list[tuple[Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                connection.execute("SAVEPOINT job")
                try:
                    results.append((job(transaction), None))
                    connection.execute("RELEASE job")
                except sqlite3.OperationalError:
                    raise  # full disk, input/output error: nothing of this batch may count
                except Exception as error:
                    connection.execute("ROLLBACK TO job")
                    connection.execute("RELEASE job")
                    results.append((None, error))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            failure = StorageError(str(error))
            return [(None, failure) for _ in jobs]
        return results

    def _finish(self, batch: list[tuple[Job[Any], asyncio.Future[Any]]], done: asyncio.Future[Any]) -> None:
        if self._queue:
            self._start()
        else:
            self._armed = False
        error = done.exception()
        results = [(None, error)] * len(batch) if error else done.result()
        for (_, future), (result, failure) in zip(batch, results, strict=True):
            if future.cancelled():
                continue
            if failure is None:
                future.set_result(result)
            elif isinstance(failure, sqlite3.Error):
                future.set_exception(StorageError(str(failure)))
            else:
                future.set_exception(failure)

    async def close(self) -> None:
        await self._notes.flush()
        await self.write(lambda transaction: None)  # behind all that still waits
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()
