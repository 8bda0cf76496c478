"""What becomes of the rows of the version before."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, MetaData, select

from alembic import command
from authserver.storage import migrations
from authserver.storage.database import DatabaseUrl, cold_engine

T = TypeVar("T")
DIGEST = b"d" * 32


async def run(url: str, work: Callable[[Connection], T]) -> T:
    engine = cold_engine(DatabaseUrl.parse(url))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def upgrade_to(revision: str) -> Callable[[Connection], None]:
    return lambda connection: command.upgrade(migrations.configuration(connection), revision)


async def insert(url: str, table: str, *rows: dict[str, Any]) -> None:
    def write(connection: Connection) -> None:
        known = MetaData()
        known.reflect(connection, only=[table])
        connection.execute(known.tables[table].insert(), list(rows))

    await run(url, write)


async def column(url: str, table: str, key: str, name: str) -> dict[Any, Any]:
    def read(connection: Connection) -> dict[Any, Any]:
        known = MetaData()
        known.reflect(connection, only=[table])
        columns = known.tables[table].c
        return {row[0]: row[1] for row in connection.execute(select(columns[key], columns[name]))}

    return await run(url, read)


def person(sub: str, username: str = "", created_at: int = 0) -> dict[str, Any]:
    email = f"{sub}@example.org"
    named = {"sub": sub, "username": username or sub, "email": email, "email_canonical": email}
    rest = {"email_verified": True, "active": True, "epoch": 0, "attributes": {}}
    return named | rest | {"created_at": created_at, "updated_at": created_at}


@pytest.mark.spec("security 6.64")
async def test_of_names_that_differ_by_case_the_one_written_so_signs_in_with_it_else_the_oldest(
    database_url: str,
) -> None:
    """In whatever order the database has the rows."""
    await run(database_url, upgrade_to("0002"))
    rows = [
        person("a1", "Anna", 10),
        person("a2", "anna", 30),
        person("a3", "ANNA", 20),
        person("b1", "BEN", 3),
        person("b2", "Ben", 2),
        person("c2", "Cleo", 5),
        person("c1", "CLEO", 5),
        person("none"),
    ]
    await insert(database_url, "users", *rows)
    await run(database_url, upgrade_to("head"))
    found = await column(database_url, "users", "sub", "username_canonical")
    assert {sub: name for sub, name in found.items() if name} == {"a2": "anna", "b2": "ben", "c1": "cleo"}
    assert await column(database_url, "users", "sub", "username") == {row["sub"]: row["username"] for row in rows}


@pytest.mark.spec("security 6.47")
async def test_sessions_stay_and_are_as_fresh_as_they_were(database_url: str) -> None:
    await run(database_url, upgrade_to("0002"))
    await insert(database_url, "users", person("a"))
    times = {"created_at": 10, "last_seen_at": 40, "expires_at": 900, "auth_time": 30}
    seen = {"sub": "a", "epoch": 0, "amr": ["pwd"], "user_agent": "", "address": ""}
    await insert(database_url, "sessions", {"digest": DIGEST} | times | seen)
    await run(database_url, upgrade_to("head"))
    assert await column(database_url, "sessions", "digest", "signed_in_at") == {DIGEST: 30}
    assert await column(database_url, "sessions", "digest", "amr") == {DIGEST: ["pwd"]}
