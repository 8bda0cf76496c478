"""Where the schema stands, and what a worker loads to know it."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from skill.storage.database import SCHEMA, revision
from skill.storage.migrations import SCRIPTS, migrate


def test_the_service_asks_for_the_newest_of_the_migrations() -> None:
    """It does not load Alembic to know it."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


async def test_a_database_says_where_its_schema_stands(database_url: str) -> None:
    assert await revision(database_url) is None
    assert await migrate(database_url) == (None, SCHEMA)
    assert await revision(database_url) == SCHEMA


def test_a_sqlite_file_that_is_not_there_is_not_made_by_asking(tmp_path: Path) -> None:
    file = tmp_path / "none.db"
    assert asyncio.run(revision(f"sqlite:///{file}")) is None
    assert not file.exists()


@pytest.mark.parametrize(
    ("url", "needless"),
    [
        ("sqlite:///x.db", ["asyncpg", "sqlalchemy.dialects.postgresql"]),
        ("postgresql://localhost/x", ["aiosqlite"]),
    ],
)
def test_a_worker_loads_what_it_serves_with_alone(url: str, needless: list[str]) -> None:
    """What nobody uses costs every worker memory and every start time."""
    program = (
        "import sys, skill.cli, skill.serving; from skill.storage.store import implementation;"
        f" implementation({url!r}); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    needless = [*needless, "alembic", "aiomqtt", "jinja2", "sqlalchemy.ext.asyncio"]
    assert not set(needless) & set(loaded)
