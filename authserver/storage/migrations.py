"""Bringing a database to the present schema. Only commands load this: Alembic takes a third of a second."""

from pathlib import Path

from alembic.config import Config
from sqlalchemy import Connection, text

from alembic import command
from authserver.storage.database import DatabaseUrl, StorageError, cold_engine, driver_errors
from authserver.storage.schema import current

SCRIPTS = Path(__file__).resolve().parents[2] / "alembic" / "authserver"
LOCK = 0x6C616D70  # an advisory lock of PostgreSQL: replicas that migrate at once take turns


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    command.upgrade(configuration(connection), "head")


async def upgrade(url: DatabaseUrl) -> str | None:
    """Run what is missing; returns the revision reached. Makes a SQLite file and its folder where there is none, which
    nothing else does. Raises `StorageError` when the database is away."""
    engine = cold_engine(url)
    try:
        if (file := url.missing_file) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)  # password hashes are in it
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
            return await connection.run_sync(current)
    except driver_errors() as error:
        raise StorageError(str(error)) from error
    finally:
        await engine.dispose()
