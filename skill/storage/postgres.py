"""The hot path on PostgreSQL: asyncpg, with the reads and writes of one loop tick in one statement each."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import asyncpg

from skill.canonical import Lamp, LampState
from skill.storage.batcher import Batcher
from skill.storage.postgres_statements import Postgresql
from skill.storage.statements import described_of, found_of, lamp_of, state_of
from skill.storage.store import Found, Step

CONNECTIONS = 4
PATIENCE = 3.0  # seconds for one statement; a directive has five in all


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Nothing here leaves settings or locks behind: the pool's reset query would double the cost of a read."""

    async def reset(self, *, timeout: float | None = None) -> None: ...


_SETTINGS = """
SET synchronous_commit = off;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
"""
"""Without waiting for the disk, as on SQLite: a crash of the database may lose the last third of a second of simulated
lamps and of used signatures, and nothing else. Lamps are registered by commands, on connections that wait.

By key, row after row, since a batch names each of its rows: with a thousand lamps the planner would rather read and
hash all of them for every batch, at three times the price. And row after row, they are locked in the batch's order."""


async def _set_up(connection: Any) -> None:
    await connection.execute(_SETTINGS)


class _Claim(NamedTuple):
    """Sorted before they are inserted, so that two replicas that insert the same ones never wait for each other."""

    signature: bytes
    expires_at: int


class _Change(NamedTuple):
    endpoint_id: str
    step: Step
    before: LampState | None


class _Turn:
    """What a batch does to one lamp: its steps, in the order in which they came. `before` is how all that ask for them
    have read the lamp; None where they did not, or not the same."""

    def __init__(self, before: LampState | None) -> None:
        self.before = before
        self.steps: list[tuple[int, Step]] = []

    def take(self, state: LampState, results: list[LampState | Exception | None]) -> LampState:
        """Every step's result goes to its place; returns the state after the last."""
        for place, step in self.steps:
            try:
                results[place] = state = step(state)
            except Exception as error:
                results[place] = error
        return state


class _Line:
    """A connection of its own for one kind of batch, of which at most one is on its way: taking one from the pool for
    each batch costs as much again as half of the batch."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._connection: Any = None

    async def fetch(self, statement: str, *arguments: Sequence[Any]) -> Sequence[Any]:
        if not self._is_up():
            await self.hang_up()
            self._connection = await self._pool.acquire(timeout=PATIENCE)
        try:
            return await self._connection.fetch(statement, *arguments)  # type: ignore[no-any-return]
        except Exception:
            await self.hang_up()  # the pool looks whether it is still good
            raise

    def _is_up(self) -> bool:
        try:
            return self._connection is not None and not self._connection.is_closed()
        except asyncpg.InterfaceError:  # the pool takes a connection back as soon as it is lost
            return False

    async def hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._pool.release(connection)


class PostgresStore:
    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._asking, self._writing = _Line(pool), _Line(pool)
        self._questions: Batcher[_Claim | str, Any] = Batcher(self._ask)
        self._changes: Batcher[_Change, LampState | None] = Batcher(self._change)

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
                init=_set_up,
            )
        )

    async def lamp(self, endpoint_id: str) -> Found | None:
        if "\0" in endpoint_id:  # PostgreSQL refuses it, and with it whatever shares the statement
            return None
        row = await self._questions.submit(endpoint_id)
        return None if row is None else found_of(row)

    def claim_signature(self, signature: bytes, expires_at: int) -> Awaitable[bool]:
        return self._questions.submit(_Claim(signature, expires_at))

    async def _ask(self, questions: Sequence[_Claim | str]) -> Sequence[Any]:
        """A directive claims its signature and looks up its lamp: one statement for both, and for all that wait. A
        signature that is twice in one batch belongs to the first."""
        claims = sorted(question for question in questions if isinstance(question, _Claim))
        ids = [question for question in questions if isinstance(question, str)]
        rows = await self._asking.fetch(
            Postgresql.claim_and_find, [each.signature for each in claims], [each.expires_at for each in claims], ids
        )
        found, new = {}, set()
        for row in rows:
            if row[0] is None:
                new.add(row[-1])
            else:
                found[row[0]] = row
        answers: list[Any] = []
        for question in questions:
            if isinstance(question, str):
                answers.append(found.get(question))
            else:
                answers.append(question.signature in new)
                new.discard(question.signature)
        return answers

    async def lamps_of(self, owner: str, limit: int) -> list[Found]:
        return [described_of(row) for row in await self._pool.fetch(Postgresql.lamps_of, owner, limit)]

    async def lamps_by(self, driver: str) -> list[Lamp]:
        return [lamp_of(row) for row in await self._pool.fetch(Postgresql.lamps_by, driver)]

    async def registry_version(self) -> int:
        return int(await self._pool.fetchval(Postgresql.registry_version))

    async def simulated_lamp(self, endpoint_id: str) -> LampState | None:
        row = await self._pool.fetchrow(Postgresql.simulated, endpoint_id)
        return None if row is None else state_of(row)

    async def change_simulated_lamp(
        self, endpoint_id: str, step: Step, before: LampState | None = None
    ) -> LampState | None:
        return await self._changes.submit(_Change(endpoint_id, step, before))

    async def _change(self, changes: Sequence[_Change]) -> Sequence[LampState | Exception | None]:
        """One statement writes every lamp that still is as it was read. Those that another replica changed meanwhile
        are read again under a lock, so that no replica can lose for ever."""
        results: list[LampState | Exception | None] = [None] * len(changes)
        turns: dict[str, _Turn] = {}
        for place, change in enumerate(changes):
            turn = turns.get(change.endpoint_id)
            if turn is None:
                turn = turns[change.endpoint_id] = _Turn(change.before)
            elif turn.before != change.before:
                turn.before = None
            turn.steps.append((place, change.step))
        rows = [
            (endpoint_id, *after, *turn.before)
            for endpoint_id, turn in sorted(turns.items())
            if turn.before is not None and (after := turn.take(turn.before, results)) != turn.before
        ]
        late = await self._lost(rows) | {endpoint_id for endpoint_id, turn in turns.items() if turn.before is None}
        if late:
            await self._change_locked({endpoint_id: turns[endpoint_id] for endpoint_id in late}, results)
        return results

    async def _lost(self, rows: Sequence[tuple[Any, ...]]) -> set[str]:
        """Writes the rows of lamps that are as they were read; returns the other lamps."""
        if not rows:
            return set()
        lamps = {row[0] for row in rows}
        try:
            written = await self._writing.fetch(Postgresql.replace, *map(list, zip(*rows, strict=True)))
        except asyncpg.DeadlockDetectedError:  # another replica wrote the same lamps in another order
            return lamps
        return lamps - {row[0] for row in written}

    async def _change_locked(self, turns: Mapping[str, _Turn], results: list[LampState | Exception | None]) -> None:
        async with self._pool.acquire(timeout=PATIENCE) as connection, connection.transaction():
            states = {row[0]: state_of(row[1:]) for row in await connection.fetch(Postgresql.lock, list(turns))}
            rows = []
            for endpoint_id, turn in turns.items():
                if (state := states.get(endpoint_id)) is None:
                    for place, _ in turn.steps:
                        results[place] = None
                elif (after := turn.take(state, results)) != state:
                    rows.append((endpoint_id, *after))
            if rows:
                await connection.execute(Postgresql.write, *map(list, zip(*rows, strict=True)))

    async def purge_signatures(self, now: int, limit: int) -> int:
        status = await self._pool.execute(Postgresql.purge, now, limit)
        return int(status.rpartition(" ")[2])

    async def key_set(self, issuer: str) -> tuple[bytes, int] | None:
        row = await self._pool.fetchrow(Postgresql.key_set, issuer)
        return None if row is None else (row[0].encode(), row[1])

    async def save_key_set(self, issuer: str, document: bytes, fetched_at: int) -> None:
        await self._pool.execute(Postgresql.save_key_set, issuer, document.decode(), fetched_at)

    async def close(self) -> None:
        for batcher in (self._questions, self._changes):
            await batcher.drain()
        for line in (self._asking, self._writing):
            await line.hang_up()
        await self._pool.close()
