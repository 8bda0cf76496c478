"""The cold path's connections to PostgreSQL: none that is dead is ever given out, and the living are not asked."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlmodel import text

from authserver.storage import database as storage
from authserver.storage.database import Database, DatabaseUrl, StorageError
from tests.running.postgres import Postgres


@pytest_asyncio.fixture(loop_scope="session")
async def database(own_postgres: Postgres) -> AsyncIterator[Database]:
    database = Database(DatabaseUrl.parse(own_postgres.new_database()))
    yield database
    await database.close()


async def backend(database: Database) -> int:
    """The process of the server that answers."""
    async with database.unit() as session:
        found: Any = await session.exec(text("SELECT pg_backend_pid()"))  # type: ignore[call-overload]
        return int(found.first()[0])


def asked(database: Database) -> list[str]:
    """Grows with every connection that is asked whether it lives."""
    pings: list[str] = []
    dialect = database.engine.sync_engine.dialect
    usual = dialect.do_ping

    def do_ping(connection: Any) -> bool:
        pings.append("ping")
        return usual(connection)

    dialect.do_ping = do_ping  # type: ignore[method-assign]
    return pings


@pytest.mark.spec("A23", "decision 7", "alexa 1.5")
async def test_after_a_restart_of_the_database_the_first_request_succeeds(
    database: Database, own_postgres: Postgres
) -> None:
    await backend(database)
    await asyncio.to_thread(own_postgres.interrupt)
    with pytest.raises(StorageError):
        await backend(database)
    await asyncio.to_thread(own_postgres.start, os.getpid(), True)
    assert await backend(database)


async def test_a_connection_that_the_server_ended_is_replaced(database: Database, own_postgres: Postgres) -> None:
    first = await backend(database)
    assert await backend(database) == first
    await asyncio.to_thread(own_postgres.psql, f"SELECT pg_terminate_backend({first})")
    while await asyncio.to_thread(own_postgres.psql, f"SELECT 1 FROM pg_stat_activity WHERE pid = {first}"):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    assert await backend(database) != first


async def test_only_a_connection_that_rested_long_is_asked_whether_it_lives(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, pings = await backend(database), asked(database)
    for _ in range(5):
        await backend(database)
    assert pings == []
    monkeypatch.setattr(storage, "RESTED", 0.0)
    assert await backend(database) == first
    assert pings == ["ping"]


async def test_a_connection_that_does_not_answer_when_asked_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await backend(database)

    def silence(_connection: Any) -> bool:
        raise TimeoutError

    monkeypatch.setattr(database.engine.sync_engine.dialect, "do_ping", silence)
    monkeypatch.setattr(storage, "RESTED", 0.0)
    assert await backend(database) != first
