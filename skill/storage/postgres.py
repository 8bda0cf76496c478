"""The hot path on PostgreSQL: asyncpg, with the reads and writes of one loop tick in one statement each."""

from collections.abc import Sequence
from typing import Any, Self

import asyncpg

from skill.canonical import LampState
from skill.storage.batcher import Batcher
from skill.storage.statements import Postgresql, columns_of, found_of, state_of
from skill.storage.store import Found, Step

CONNECTIONS = 4
PATIENCE = 3.0  # seconds for one statement; a directive has five in all


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Nothing here leaves settings or locks behind: the pool's reset query would double the cost of a read."""

    async def reset(self, *, timeout: float | None = None) -> None: ...


async def _without_waiting_for_the_disk(connection: Any) -> None:
    """As on SQLite: a crash of the database may lose the last third of a second of simulated lamps and of
    used signatures, and nothing else. Lamps are registered by commands, on connections that wait."""
    await connection.execute("SET synchronous_commit = off")


class PostgresStore:
    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._lookups: Batcher[str, Found | None] = Batcher(self._find)
        self._claims: Batcher[tuple[bytes, int], bool] = Batcher(self._claim)
        self._changes: Batcher[tuple[str, Step], LampState | None] = Batcher(self._change)

    @classmethod
    async def open(cls, url: str) -> Self:
        return cls(
            await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=CONNECTIONS,
                timeout=PATIENCE,
                command_timeout=PATIENCE,
                connection_class=_Connection,
                init=_without_waiting_for_the_disk,
            )
        )

    async def lamp(self, endpoint_id: str) -> Found | None:
        return await self._lookups.submit(endpoint_id)

    async def _find(self, ids: Sequence[str]) -> Sequence[Found | None]:
        rows = await self._pool.fetch(Postgresql.lamps, ids)
        found = {row[0]: found_of(row) for row in rows}
        return [found.get(endpoint_id) for endpoint_id in ids]

    async def lamps_of(self, owner: str, limit: int) -> list[Found]:
        return [found_of(row) for row in await self._pool.fetch(Postgresql.lamps_of, owner, limit)]

    async def simulated_lamp(self, endpoint_id: str) -> LampState | None:
        row = await self._pool.fetchrow(Postgresql.simulated, endpoint_id)
        return None if row is None else state_of(row)

    async def change_simulated_lamp(self, endpoint_id: str, step: Step) -> LampState | None:
        return await self._changes.submit((endpoint_id, step))

    async def _change(self, changes: Sequence[tuple[str, Step]]) -> Sequence[LampState | Exception | None]:
        """Changes of one lamp are applied in the order in which they came."""
        results: list[LampState | Exception | None] = []
        async with self._pool.acquire(timeout=PATIENCE) as connection, connection.transaction():
            rows = await connection.fetch(Postgresql.lock, list({endpoint_id for endpoint_id, _ in changes}))
            before = {row[0]: state_of(row[1:]) for row in rows}
            after = dict(before)
            for endpoint_id, step in changes:
                try:
                    state = after.get(endpoint_id)
                    if state is not None:
                        state = after[endpoint_id] = step(state)
                    results.append(state)
                except Exception as error:
                    results.append(error)
            changed = [(which, *columns_of(state)) for which, state in after.items() if state != before[which]]
            if changed:
                await connection.execute(Postgresql.write, *map(list, zip(*changed, strict=True)))
        return results

    async def claim_signature(self, signature: bytes, expires_at: int) -> bool:
        return await self._claims.submit((signature, expires_at))

    async def _claim(self, claims: Sequence[tuple[bytes, int]]) -> Sequence[bool]:
        """A signature that is twice in one batch belongs to the first. Sorted, so that two replicas that insert the
        same ones never wait for each other."""
        rows = await self._pool.fetch(Postgresql.claim, *map(list, zip(*sorted(claims), strict=True)))
        new = {row[0] for row in rows}
        results = []
        for signature, _ in claims:
            results.append(signature in new)
            new.discard(signature)
        return results

    async def purge_signatures(self, now: int, limit: int) -> int:
        status = await self._pool.execute(Postgresql.purge, now, limit)
        return int(status.rpartition(" ")[2])

    async def key_set(self, issuer: str) -> tuple[bytes, int] | None:
        row = await self._pool.fetchrow(Postgresql.key_set, issuer)
        return None if row is None else (row[0].encode(), row[1])

    async def save_key_set(self, issuer: str, document: bytes, fetched_at: int) -> None:
        await self._pool.execute(Postgresql.save_key_set, issuer, document.decode(), fetched_at)

    async def close(self) -> None:
        for batcher in (self._lookups, self._claims, self._changes):
            await batcher.drain()
        await self._pool.close()
