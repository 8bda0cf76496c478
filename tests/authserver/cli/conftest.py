"""The operator's commands as real processes."""

from pathlib import Path

import pytest

from tests.conftest import MigratedDatabase
from tests.running.home import authserver_settings
from tests.running.ports import free_port
from tests.running.service import Service


@pytest.fixture(scope="module")
def operator(database_kind: str, migrated_database: MigratedDatabase, module_folder: Path) -> Service:
    """Commands on a migrated database that nobody serves; each test takes accounts and clients of its own."""
    port = free_port()
    settings = authserver_settings(migrated_database("authserver", database_kind), port)
    return Service("authserver", settings, module_folder, port)


@pytest.fixture
def on_sqlite(migrated_database: MigratedDatabase, tmp_path: Path) -> Service:
    """The same on SQLite alone and for one test, for what no database decides."""
    port = free_port()
    return Service("authserver", authserver_settings(migrated_database("authserver", "sqlite"), port), tmp_path, port)
