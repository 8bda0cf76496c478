"""The database by its URL, and the revision of its schema, which the service asks for without loading Alembic."""

import sqlite3
from pathlib import Path

SQLITE = "sqlite:///"
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA busy_timeout=5000",
    "PRAGMA foreign_keys=ON",
)
SCHEMA = "0003"
"""The revision that this code was written for: the newest in `alembic/skill/versions`."""

_REVISION = "SELECT version_num FROM alembic_version"


def sqlite_path(url: str) -> str:
    """`sqlite:///relative` and `sqlite:////absolute`, as SQLAlchemy reads them."""
    return url.removeprefix(SQLITE)


def make_folder(url: str) -> None:
    """The folder of a SQLite file, for the first migration."""
    Path(sqlite_path(url)).absolute().parent.mkdir(parents=True, exist_ok=True)


async def revision(url: str) -> str | None:
    """Where the schema stands; None where nothing was ever migrated. Raises what the driver raises when the database is
    away."""
    return _sqlite_revision(sqlite_path(url)) if url.startswith(SQLITE) else await _postgres_revision(url)


def _sqlite_revision(path: str) -> str | None:
    if not Path(path).exists():
        return None
    connection = sqlite3.connect(path)
    try:
        row = connection.execute(_REVISION).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    finally:
        connection.close()
    return None if row is None else str(row[0])


async def _postgres_revision(url: str) -> str | None:
    import asyncpg  # only where it is used

    connection = await asyncpg.connect(url, timeout=5)
    try:
        found = await connection.fetchval(_REVISION)
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()
    return None if found is None else str(found)
