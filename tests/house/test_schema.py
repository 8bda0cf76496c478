"""Migrations make what the models describe, on both databases."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from authserver.storage import schema
from authserver.storage.migrations import configuration
from tests.house.sources import ROOT
from tests.running.service import Service


@pytest.mark.parametrize("service", ["authserver", "skill"])
def test_migrated_tables_equal_the_models(service: str, database_url: str, tmp_path: Path) -> None:
    """The migrate command needs only the database's address; a second run changes nothing."""
    operator = Service(service, {f"{service.upper()}_DATABASE_URL": database_url}, tmp_path)
    operator.migrate()
    operator.migrate()
    compared = subprocess.run(
        [sys.executable, Path(__file__).with_name("schema.py"), service, database_url],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert compared.returncode == 0, compared.stdout + compared.stderr


def test_the_schema_that_authserver_asks_for_is_the_newest() -> None:
    assert ScriptDirectory.from_config(configuration()).get_current_head() == schema.REVISION


def test_a_server_does_not_load_alembic() -> None:
    """A third of a second of its start, and eleven megabytes."""
    loaded = "import sys, authserver.cli, authserver.serve, authserver.app; print(*sys.modules, sep='\\n')"
    printed = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = printed.stdout.split()
    assert "authserver.app" in modules
    assert [name for name in modules if name.partition(".")[0] == "alembic"] == []
