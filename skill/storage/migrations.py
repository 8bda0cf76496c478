"""The schema, brought up to date by `skill migrate`."""

import asyncio
import logging
import time
from datetime import timedelta
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from alembic import command
from skill.storage.database import SCHEMA, SQLITE, make_file, revision
from skill.storage.engine import open_engine

log = logging.getLogger(__name__)

SCRIPTS = Path(__file__).resolve().parents[2] / "alembic" / "skill"
SAY_EVERY = 3.0  # seconds between two lines about a database that is not there
LOCK = 0x5B111  # of PostgreSQL's advisory locks: two `migrate` at once wait for each other


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def wait_until_there(url: str, patience: timedelta) -> None:
    """Returns once PostgreSQL lets us in; raises why not when `patience` is over. A SQLite file is made where none
    is."""
    if url.startswith(SQLITE):
        return
    give_up_at, said_at = time.monotonic() + patience.total_seconds(), float("-inf")
    while True:
        try:
            await revision(url)
            return
        except Exception as error:
            if time.monotonic() >= give_up_at:
                raise
            if time.monotonic() - said_at >= SAY_EVERY:
                said_at = time.monotonic()
                log.warning("waiting: the database cannot be reached: %s", type(error).__name__)
        await asyncio.sleep(0.25)


async def migrate(url: str) -> tuple[str | None, str]:
    """Upgrade to SCHEMA, in one transaction; returns the revisions before and after."""
    if url.startswith(SQLITE):
        make_file(url)
    engine = open_engine(url)

    def upgrade(connection: Connection) -> tuple[str | None, str]:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        before = _revision(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return before, SCHEMA

    try:
        async with engine.begin() as connection:
            return await connection.run_sync(upgrade)
    finally:
        await engine.dispose()
