"""The operator's commands as real processes."""

from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.running.home import authserver_settings
from tests.running.ports import free_port
from tests.running.service import Service


@pytest.fixture(scope="module")
def operator(database_kind: str, new_database: NewDatabase, module_folder: Path) -> Service:
    """Commands on a migrated database that nobody serves; each test takes accounts and clients of its own."""
    port = free_port()
    server = Service("authserver", authserver_settings(new_database(database_kind), port), module_folder, port)
    server.migrate()
    return server


@pytest.fixture
def on_sqlite(sqlite_url: str, tmp_path: Path) -> Service:
    """The same on SQLite alone, for what no database decides. Not migrated."""
    port = free_port()
    return Service("authserver", authserver_settings(sqlite_url, port), tmp_path, port)
