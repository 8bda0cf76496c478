"""A database that is not there yet."""

from pathlib import Path

from tests.running.ports import LOOPBACK, free_port
from tests.running.service import Service


def test_migrate_waits_for_a_database_and_says_so_before_it_gives_up(tmp_path: Path) -> None:
    url = f"postgresql://skill:unused-password@{LOOPBACK}:{free_port()}/skill"
    done = Service("skill", {"SKILL_DATABASE_URL": url, "SKILL_DATABASE_WAIT": "1"}, tmp_path).cli("migrate")
    assert done.returncode == 1
    assert "waiting: the database cannot be reached" in done.stderr
    assert "not migrated" in done.stderr
    assert "unused-password" not in done.stderr + done.stdout
