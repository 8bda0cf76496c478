"""Which schema a database has and which one this code needs, told without Alembic, which no server needs to load."""

from sqlalchemy import Connection, inspect, text

from authserver.storage.database import DatabaseUrl, StorageError, cold_engine, driver_errors

VERSION_TABLE = "authserver_version"
REVISION = "0005"
"""The newest in alembic/authserver/versions, which a test holds against it."""


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None before the first."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return found


async def revision_of(url: DatabaseUrl) -> str | None:
    """The revision that the database is at. Raises `StorageError` when it is away or a SQLite file is not there."""
    if url.missing_file is not None:
        raise StorageError(f"there is no file {url.missing_file}")
    engine = cold_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(current)
    except driver_errors() as error:
        raise StorageError(f"{type(error).__name__}: {error}".splitlines()[0]) from error
    finally:
        await engine.dispose()
