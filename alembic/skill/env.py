"""Alembic's entry for the skill: on the connection that `skill migrate` hands over, or on SKILL_DATABASE_URL."""

import asyncio

from sqlalchemy import Connection

from alembic import context
from skill.models import metadata
from skill.settings import DatabaseSettings, read
from skill.storage.engine import open_engine


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_on_setting() -> None:
    engine = open_engine(read(DatabaseSettings).database_url.get_secret_value())
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(run_on_setting())
