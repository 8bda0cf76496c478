"""The hot path on SQLite: group commits inline on the loop, since each is less than a switch of threads.

Nothing here waits for a disk or a lock on the loop: with `synchronous=NORMAL` a commit in WAL mode appends without
syncing, a write lock that a command holds sends the batch to the thread, and so do checkpoints, which do sync.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

from skill.canonical import Lamp, LampState
from skill.storage.batcher import Batcher
from skill.storage.database import SQLITE_PRAGMAS, sqlite_uri
from skill.storage.sqlite_statements import Sqlite
from skill.storage.statements import described_of, found_of, lamp_of, state_of
from skill.storage.store import Found, Step

T = TypeVar("T")
COMMITS_BETWEEN_CHECKPOINTS = 500
LARGEST_LOG = 16_000  # pages of 4 KiB

Job = Callable[[sqlite3.Connection], Any]


class SqliteStore:
    """After a power cut the last moment of simulated lamps and of used signatures may be lost, never the file. Lamps
    are registered by commands, on connections of their own with `synchronous=FULL`."""

    def __init__(self, url: str) -> None:
        uri = sqlite_uri(url)
        self._reader = self._connect(uri, "PRAGMA query_only=ON")
        self._writer = self._connect(
            uri, "PRAGMA synchronous=NORMAL", "PRAGMA wal_autocheckpoint=0", "PRAGMA busy_timeout=0"
        )
        self._checkpointer = self._connect(uri)
        self._commits = 0
        self._overgrown = False
        self._thread = ThreadPoolExecutor(1, "skill-sqlite")
        self._jobs: Batcher[Job, Any] = Batcher(self._run)

    @classmethod
    async def open(cls, url: str) -> Self:
        return cls(url)

    @staticmethod
    def _connect(uri: str, *pragmas: str) -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        for pragma in (*SQLITE_PRAGMAS, *pragmas):
            connection.execute(pragma)
        return connection

    async def _run(self, jobs: Sequence[Job]) -> Sequence[Any]:
        loop = asyncio.get_running_loop()
        self._commits += 1
        if self._commits % COMMITS_BETWEEN_CHECKPOINTS == 0:
            loop.run_in_executor(self._thread, self._checkpoint)
        if self._overgrown:
            await loop.run_in_executor(self._thread, self._restart)
        try:
            return self._commit(jobs)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        return await loop.run_in_executor(self._thread, self._commit_patiently, jobs)

    def _commit_patiently(self, jobs: Sequence[Job]) -> Sequence[Any]:
        self._writer.execute("PRAGMA busy_timeout=3000")
        try:
            return self._commit(jobs)
        finally:
            self._writer.execute("PRAGMA busy_timeout=0")

    def _checkpoint(self) -> None:
        """PASSIVE neither waits for anybody nor keeps anybody waiting; but while commits never pause, it never reaches
        the log's end, and the log grows."""
        _, frames, _ = self._checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._overgrown = frames > LARGEST_LOG

    def _restart(self) -> None:
        """No commit runs beside it, so the log begins anew."""
        self._checkpointer.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        self._overgrown = False

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
        """Read where directives write: another connection would have to read every page again that those changed."""

        row = await self._jobs.submit(lambda connection: connection.execute(Sqlite.lamp, (endpoint_id,)).fetchone())
        return None if row is None else found_of(row)

    async def lamps_of(self, owner: str, limit: int) -> list[Found]:
        return [described_of(row) for row in self._reader.execute(Sqlite.lamps_of, (owner, limit))]

    async def lamps_by(self, driver: str) -> list[Lamp]:
        return [lamp_of(row) for row in self._reader.execute(Sqlite.lamps_by, (driver,))]

    async def registry_version(self) -> int:
        return int(self._reader.execute(Sqlite.registry_version).fetchone()[0])

    async def simulated_lamp(self, endpoint_id: str) -> LampState | None:
        return self._simulated(self._reader, endpoint_id)

    @staticmethod
    def _simulated(connection: sqlite3.Connection, endpoint_id: str) -> LampState | None:
        row = connection.execute(Sqlite.simulated, (endpoint_id,)).fetchone()
        return None if row is None else state_of(row)

    async def change_simulated_lamp(
        self, endpoint_id: str, step: Step, before: LampState | None = None
    ) -> LampState | None:
        def job(connection: sqlite3.Connection) -> LampState | Exception | None:
            state = before or self._simulated(connection, endpoint_id)
            while state is not None:
                try:
                    after = step(state)
                except Exception as error:
                    return error
                if after == state or connection.execute(Sqlite.replace, (*after, endpoint_id, *state)).rowcount == 1:
                    return after
                state = self._simulated(connection, endpoint_id)  # which nobody changes any more in this transaction
            return None

        changed: LampState | None = await self._jobs.submit(job)
        return changed

    def claim_signature(self, signature: bytes, expires_at: int) -> Awaitable[bool]:
        row = (expires_at, signature)
        return self._jobs.submit(lambda connection: connection.execute(Sqlite.claim, row).rowcount == 1)

    async def purge_signatures(self, now: int, limit: int) -> int:
        row = (now, limit)
        return int(await self._jobs.submit(lambda connection: connection.execute(Sqlite.purge, row).rowcount))

    async def key_set(self, issuer: str) -> tuple[bytes, int] | None:
        row = self._reader.execute(Sqlite.key_set, (issuer,)).fetchone()
        return None if row is None else (row[0].encode(), row[1])

    async def save_key_set(self, issuer: str, document: bytes, fetched_at: int) -> None:
        row = (issuer, document.decode(), fetched_at)
        await self._jobs.submit(lambda connection: connection.execute(Sqlite.save_key_set, row).rowcount)

    async def close(self) -> None:
        await self._jobs.drain()
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()
        self._checkpointer.close()
