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


def sqlite_uri(url: str) -> str:
    """How SQLite opens the file that is there: without `mode=rw` it would make one of whatever a mistyped path
    names."""
    return f"{Path(sqlite_path(url)).absolute().as_uri()}?mode=rw"


def missing_file(url: str) -> Path | None:
    """Where a SQLite file should be and is not."""
    path = Path(sqlite_path(url)).absolute()
    return path if url.startswith(SQLITE) and not path.is_file() else None


def no_database(file: Path) -> str:
    """For the operator: nothing waits at a mistyped path, nor is anything made there."""
    return f"there is no database at {file}. Is SKILL_DATABASE_URL right? A new database is made with: skill migrate"


def refused(url: str, error: Exception) -> str:
    """For the operator, why a command could not do its work. Only the driver's first line: the others hold values, and
    what is no driver's may quote the URL."""
    if (file := missing_file(url)) is not None:
        return no_database(file)
    said = str(getattr(error, "orig", error if isinstance(error, OSError) else None) or "").strip()
    words = f"{type(error).__name__}: {said.splitlines()[0][:200]}" if said else type(error).__name__
    return f"the database refused ({words}); is it there, and migrated with `skill migrate`?"


def make_file(url: str) -> None:
    """An empty SQLite file, and its folder, for the first migration: nothing else makes one."""
    if (file := missing_file(url)) is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)


async def revision(url: str) -> str | None:
    """Where the schema stands; None where nothing was ever migrated. Raises what the driver raises when the database is
    away."""
    return _sqlite_revision(url) if url.startswith(SQLITE) else await _postgres_revision(url)


def _sqlite_revision(url: str) -> str | None:
    if missing_file(url) is not None:
        return None
    connection = sqlite3.connect(sqlite_uri(url), uri=True)
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
