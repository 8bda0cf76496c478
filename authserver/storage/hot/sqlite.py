"""The hot path on SQLite: reads inline on one connection, writes batched on another in a thread of its own."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from authserver.storage.database import SQLITE_PRAGMAS, DatabaseUrl, StorageError
from authserver.storage.hot.notes import Batch, Notes
from authserver.storage.hot.protocol import Job, Row
from authserver.storage.hot.statement import KeyedRead, KeyedWrite, Statement

T = TypeVar("T")


def _connect(url: DatabaseUrl) -> sqlite3.Connection:
    connection = sqlite3.connect(
        url.sqlite_uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)
    return connection


class _Reading:
    """Rows as dicts; the names of a statement's columns are asked for once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._names: dict[Statement, tuple[str, ...]] = {}

    def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        cursor = self.connection.execute(statement.sqlite, parameters)
        # fetchall, not fetchone: an UPDATE … RETURNING is done only when it has been stepped to its end
        rows = cursor.fetchall()
        if not rows:
            return None
        names = self._names.get(statement)
        if names is None:
            names = self._names[statement] = tuple(column[0] for column in cursor.description)
        return dict(zip(names, rows[0], strict=True))

    def all(self, text: str, parameters: dict[str, Any]) -> list[Row]:
        cursor = self.connection.execute(text, parameters)
        names = tuple(column[0] for column in cursor.description)
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class SqliteTransaction:
    def __init__(self, reading: _Reading) -> None:
        self._reading = reading

    def one(self, statement: Statement, **parameters: Any) -> Row | None:
        return self._reading.one(statement, parameters)

    def run(self, statement: Statement, **parameters: Any) -> None:
        self._reading.connection.execute(statement.sqlite, parameters).fetchall()

    def change(self, statement: KeyedWrite, each: Batch) -> list[Row]:
        """All of them in one statement, which needs the interpreter once; the rows that it changed."""
        return self._reading.all(statement.sqlite_many, {"rows": statement.rows(each)})


@dataclass(frozen=True, slots=True)
class _Task:
    """A job of the writer's thread and, on the loop, who waits for what became of it."""

    run: Callable[[SqliteTransaction], Any]
    settle: Callable[[Any, BaseException | None], None]


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    elif isinstance(failure, sqlite3.Error):
        future.set_exception(StorageError(str(failure)))
    else:
        future.set_exception(failure)


class SqliteStore:
    """A read costs some microseconds, less than a task switch, and WAL readers never wait for a writer. The jobs of one
    loop tick, and all that arrive while a batch runs, are one `BEGIN IMMEDIATE … COMMIT` with one fsync; changes by one
    statement are one job."""

    def __init__(self, url: DatabaseUrl) -> None:
        try:
            self._reader = _Reading(_connect(url))
            self._writer = _Reading(_connect(url))
        except sqlite3.Error as error:
            raise StorageError(f"cannot open {url.path}: {error}") from error
        self._thread = ThreadPoolExecutor(1, "authserver-writer")
        self._queue: list[_Task] = []
        self._changes: defaultdict[KeyedWrite, list[tuple[dict[str, Any], asyncio.Future[Row | None]]]] = defaultdict(
            list
        )
        self._waiting: defaultdict[KeyedRead, dict[str, list[asyncio.Future[Row | None]]]] = defaultdict(dict)
        self._armed = False
        self._notes = Notes(self._write_notes)

    async def read(self, statement: Statement, **parameters: Any) -> Row | None:
        try:
            return self._reader.one(statement, parameters)
        except sqlite3.Error as error:
            raise StorageError(str(error)) from error

    def read_key(self, statement: KeyedRead, key: str | bytes) -> Awaitable[Row | None]:
        if isinstance(key, bytes):  # JSON has no bytes
            return self.read(statement.one, key=key)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Row | None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._read_keys)
        self._waiting[statement].setdefault(key, []).append(future)
        return future

    def _read_keys(self) -> None:
        """What was asked for in one turn of the loop, by one statement: it costs less than half of so many."""
        waiting, self._waiting = self._waiting, defaultdict(dict)
        for statement, keys in waiting.items():
            try:
                if len(keys) == 1:
                    key = next(iter(keys))
                    found = {key: self._reader.one(statement.one, {"key": key})}
                else:
                    rows = self._reader.all(statement.sqlite_many, {"keys": orjson.dumps(list(keys)).decode()})
                    found = {row[statement.key]: row for row in rows}
            except Exception as failure:  # whatever it is: nobody may wait for ever
                for futures in keys.values():
                    for future in futures:
                        _settle(future, None, failure)
                continue
            for key, futures in keys.items():
                for future in futures:
                    _settle(future, found.get(key), None)

    async def write(self, job: Job[T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Task(job, lambda result, failure: _settle(future, result, failure)))
        self._arm()
        return await future

    async def execute(self, statement: Statement, **parameters: Any) -> Row | None:
        return await self.write(lambda transaction: transaction.one(statement, **parameters))

    def change(self, statement: KeyedWrite, **parameters: Any) -> Awaitable[Row | None]:
        future: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._changes[statement].append((parameters, future))
        self._arm()
        return future

    def note(self, statement: KeyedWrite, **parameters: Any) -> None:
        self._notes.add(statement, parameters)

    async def _write_notes(self, statement: KeyedWrite, batch: Batch) -> None:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append(
            _Task(
                lambda transaction: transaction.change(statement, batch),
                lambda result, failure: _settle(done, result, failure),
            )
        )
        self._arm()
        await done

    def _arm(self) -> None:
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_soon(self._start)

    def _changes_of_one_statement(self, statement: KeyedWrite) -> _Task:
        """A row that is asked for twice is changed twice: the second waits for the next batch."""
        batch: dict[Any, tuple[dict[str, Any], asyncio.Future[Row | None]]] = {}
        for entry in self._changes.pop(statement):
            if batch.setdefault(entry[0][statement.parameter], entry) is not entry:
                self._changes[statement].append(entry)
        each = [parameters for parameters, _ in batch.values()]

        def settle(rows: list[Row] | None, failure: BaseException | None) -> None:
            found = {row[statement.key]: row for row in rows or ()}
            for key, (_, future) in batch.items():
                _settle(future, found.get(key), failure)

        return _Task(lambda transaction: transaction.change(statement, each), settle)

    def _start(self) -> None:
        batch, self._queue = self._queue, []
        batch += [self._changes_of_one_statement(statement) for statement in list(self._changes)]
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._run, batch)
        running.add_done_callback(lambda done: self._finish(batch, done))

    def _run(self, batch: list[_Task]) -> list[tuple[Any, BaseException | None]]:
        """In the writer's thread. Results count only after the COMMIT."""
        connection = self._writer.connection
        transaction = SqliteTransaction(self._writer)
        results: list[tuple[Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for task in batch:
                connection.execute("SAVEPOINT job")
                try:
                    results.append((task.run(transaction), None))
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
            return [(None, failure) for _ in batch]
        return results

    def _finish(self, batch: list[_Task], done: asyncio.Future[Any]) -> None:
        if self._queue or self._changes:
            self._start()
        else:
            self._armed = False
        error = done.exception()
        results = [(None, error)] * len(batch) if error else done.result()
        for task, (result, failure) in zip(batch, results, strict=True):
            task.settle(result, failure)

    async def close(self) -> None:
        await self._notes.close()
        await self.write(lambda transaction: None)  # behind all that still waits
        self._thread.shutdown()
        self._reader.connection.close()
        self._writer.connection.close()
