"""Migrations make what the models describe, on both databases."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
