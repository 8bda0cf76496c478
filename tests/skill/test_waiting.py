"""A database that is not there yet."""

from pathlib import Path

import pytest

from tests.running.home import skill_settings
from tests.running.ports import LOOPBACK, free_port
from tests.running.service import Service


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("lamp", "list"),
        ("events", "status"),
        ("simulate", "lamp", "--broker", "mqtt://127.0.0.1:1", "--endpoint", "lamp-1"),
    ],
)
def test_nothing_waits_at_a_mistyped_path_nor_makes_anything_there(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    for path in (tmp_path / "typo" / "skill.db", tmp_path / "typo.db"):
        port = free_port()
        settings = skill_settings(f"sqlite:///{path}", port, f"http://{LOOPBACK}:1", "client")
        done = Service("skill", settings, tmp_path, port).cli(*arguments)
        assert done.returncode == 1
        assert str(path) in done.stderr
        assert "skill migrate" in done.stderr
        assert not path.exists()
        assert not (tmp_path / "typo").exists()


def test_migrate_makes_the_file_and_its_folder_whatever_they_are_called(tmp_path: Path) -> None:
    path = tmp_path / "100%41 of it?" / "lamps #1.db"
    skill = Service("skill", {"SKILL_DATABASE_URL": f"sqlite:///{path}"}, tmp_path)
    skill.migrate()
    assert path.stat().st_mode & 0o077 == 0
    assert skill.cli_json("lamp", "list") == []


def test_migrate_waits_for_a_database_and_says_so_before_it_gives_up(tmp_path: Path) -> None:
    url = f"postgresql://skill:unused-password@{LOOPBACK}:{free_port()}/skill"
    done = Service("skill", {"SKILL_DATABASE_URL": url, "SKILL_DATABASE_WAIT": "1"}, tmp_path).cli("migrate")
    assert done.returncode == 1
    assert "waiting: the database cannot be reached" in done.stderr
    assert "not migrated" in done.stderr
    assert "unused-password" not in done.stderr + done.stdout
