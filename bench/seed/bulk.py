"""Rows into a migrated database, as fast as it takes them."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from sqlmodel import SQLModel

Rows = Iterable[Sequence[Any]]
Written = list[tuple[type[SQLModel], Rows]]  # rows from `row`

PATIENCE = 600  # seconds


def names(model: type[SQLModel]) -> list[str]:
    return [column.name for column in model.__table__.columns]  # type: ignore[attr-defined]


def row(model: type[SQLModel], **values: Any) -> list[Any]:
    """The values in the order of the table's columns; lists and dicts as JSON."""
    given = (values[name] for name in names(model))
    return [orjson.dumps(value).decode() if isinstance(value, list | dict) else value for value in given]


async def write(url: str, written: Written) -> None:
    """Foreign keys are not checked: the rows are ours. Afterwards the database is as after a day of rest: statistics
    made, nothing waiting to be written."""
    if url.startswith("sqlite:///"):
        _write_sqlite(Path(url.removeprefix("sqlite:///")), written)
    else:
        await _write_postgres(url, written)


def _write_sqlite(path: Path, written: Written) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-400000")
    for model, rows in written:
        columns = ", ".join(f'"{name}"' for name in names(model))
        places = ", ".join("?" for _ in names(model))
        connection.executemany(f'INSERT INTO "{model.__tablename__}" ({columns}) VALUES ({places})', rows)
    connection.commit()
    connection.execute("ANALYZE")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())


async def _write_postgres(url: str, written: Written) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica")
    for model, rows in written:
        await connection.copy_records_to_table(
            str(model.__tablename__), records=rows, columns=names(model), timeout=PATIENCE
        )
    await connection.execute("VACUUM ANALYZE", timeout=PATIENCE)
    await connection.execute("CHECKPOINT", timeout=PATIENCE)
    await connection.close()
