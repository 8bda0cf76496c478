"""The hot path on SQLite: reads inline on the loop (less than a task switch), writes in group commits on one thread."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from skill.canonical import LampState
from skill.storage.batcher import Batcher
from skill.storage.database import SQLITE_PRAGMAS, sqlite_path
from skill.storage.statements import STATE, Sqlite, columns_of, found_of, state_of
from skill.storage.store import Found, Step

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]


class SqliteStore:
    """`synchronous=NORMAL`: after a power cut the last moment of a simulated lamp and of used signatures may be lost,
    never the file. Lamps are registered by commands, on connections of their own with `synchronous=FULL`."""

    def __init__(self, url: str) -> None:
        path = sqlite_path(url)
        self._reader = self._connect(f"file:{path}?mode=rw", "PRAGMA query_only=ON")
        self._writer = self._connect(f"file:{path}?mode=rw", "PRAGMA synchronous=NORMAL")
        self._thread = ThreadPoolExecutor(1, "skill-sqlite")
        self._jobs: Batcher[Job, Any] = Batcher(self._run)

    @staticmethod
    def _connect(uri: str, *pragmas: str) -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        for pragma in (*SQLITE_PRAGMAS, *pragmas):
            connection.execute(pragma)
        return connection

    async def _run(self, jobs: Sequence[Job]) -> Sequence[Any]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, jobs)

    def _commit(self, jobs: Sequence[Job]) -> Sequence[Any]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            results = [job(self._writer) for job in jobs]
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        return results

    async def lamp(self, endpoint_id: str) -> Found | None:
        row = self._reader.execute(Sqlite.lamp, {"endpoint_id": endpoint_id}).fetchone()
        return None if row is None else found_of(row)

    async def lamps_of(self, owner: str, limit: int) -> list[Found]:
        return [found_of(row) for row in self._reader.execute(Sqlite.lamps_of, {"owner": owner, "limit": limit})]

    async def simulated_lamp(self, endpoint_id: str) -> LampState | None:
        row = self._reader.execute(Sqlite.simulated, {"endpoint_id": endpoint_id}).fetchone()
        return None if row is None else state_of(row)

    async def change_simulated_lamp(self, endpoint_id: str, step: Step) -> LampState | None:
        def job(connection: sqlite3.Connection) -> LampState | Exception | None:
            row = connection.execute(Sqlite.simulated, {"endpoint_id": endpoint_id}).fetchone()
            if row is None:
                return None
            before = state_of(row)
            try:
                after = step(before)
            except Exception as error:
                return error
            if after != before:
                values = dict(zip(STATE, columns_of(after), strict=True))
                connection.execute(Sqlite.write, {"which": endpoint_id, **values})
            return after

        changed: LampState | None = await self._jobs.submit(job)
        return changed

    async def claim_signature(self, signature: bytes, expires_at: int) -> bool:
        row = {"signature": signature, "expires_at": expires_at}
        return bool(await self._jobs.submit(lambda connection: connection.execute(Sqlite.claim, row).rowcount == 1))

    async def purge_signatures(self, now: int, limit: int) -> int:
        row = {"now": now, "limit": limit}
        return int(await self._jobs.submit(lambda connection: connection.execute(Sqlite.purge, row).rowcount))

    async def key_set(self, issuer: str) -> tuple[bytes, int] | None:
        row = self._reader.execute(Sqlite.key_set, {"issuer": issuer}).fetchone()
        return None if row is None else (row[0].encode(), row[1])

    async def save_key_set(self, issuer: str, document: bytes, fetched_at: int) -> None:
        row = {"issuer": issuer, "document": document.decode(), "fetched_at": fetched_at}
        await self._jobs.submit(lambda connection: connection.execute(Sqlite.save_key_set, row).rowcount)

    async def close(self) -> None:
        await self._jobs.drain()
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()
