"""The commands of the Makefile."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT

COMMANDS = {"install", "run", "test", "check", "compose-test", "bench", "docs", "fuzz", "clients"}


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", f"PYTHON={sys.executable}", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout that is installed, whose `pip` writes down how it is called instead of fetching anything."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
        os.utime(tmp_path / name, (1_000_000, 1_000_000))
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "pip").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/pip-calls\n')
    (programs / "pip").chmod(0o755)
    (tmp_path / ".venv" / ".installed").touch()
    (tmp_path / ".venv" / ".installed-dev").touch()
    return tmp_path


def calls(clone: Path) -> list[str]:
    written = clone / "pip-calls"
    return written.read_text().splitlines() if written.exists() else []


def test_make_alone_lists_the_commands_and_does_nothing(clone: Path) -> None:
    done = make(clone)
    assert done.returncode == 0
    listed = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", done.stdout, re.MULTILINE))
    assert set(listed) >= COMMANDS
    assert calls(clone) == []


def test_every_target_is_listed(clone: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = {name for line in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE) for name in line.split()}
    assert targets == set(re.findall(r"^  make ([a-z-]+) ", make(clone).stdout, re.MULTILINE))


@pytest.mark.parametrize("target", ["install", "install-dev"])
def test_a_second_install_fetches_nothing(clone: Path, target: str) -> None:
    done = make(clone, target)
    assert done.returncode == 0, done.stderr
    assert calls(clone) == []


def test_changed_requirements_are_installed_with_their_hashes(clone: Path) -> None:
    os.utime(clone / "requirements.txt")
    future = (clone / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(clone / "requirements.txt", (future, future))
    done = make(clone, "install")
    assert done.returncode == 0, done.stderr
    assert any("--require-hashes -r requirements.txt" in call for call in calls(clone))
    for call in calls(clone):
        assert "--require-hashes" in call or "--no-deps --no-build-isolation" in call, call


def test_an_old_python_is_named(clone: Path, tmp_path: Path) -> None:
    """Better than a page of pip's errors."""
    (clone / ".venv" / ".installed").unlink()
    old = tmp_path / "old-python"
    claim = "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (old)'; exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{claim}" "$2"\n')
    old.chmod(0o755)
    done = make(clone, "install", f"PYTHON={old}")
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed; this is 3.9.2" in done.stderr
    assert calls(clone) == []


@pytest.mark.parametrize("browser", ["chromium", "chromium-headless-shell"])
def test_the_system_script_needs_neither_root_nor_network_where_all_is_there(tmp_path: Path, browser: str) -> None:
    """Every program is found, and an `apt-get` that would be called is not there."""
    for name in (browser, "mosquitto", "node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", ROOT / "development" / "system.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_system_script_does_without_the_lighter_browser_where_it_cannot_have_it(tmp_path: Path) -> None:
    """As root, where no packages can be had."""
    programs = dict.fromkeys(("chromium", "mosquitto", "node", "npm"), "") | {
        "apt-get": "exit 100",
        "id": "echo 0",
        "mktemp": f"echo {tmp_path}/log",
        "rm": "exit 0",
    }
    for name, does in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", ROOT / "development" / "system.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "system: without chromium-headless-shell" in done.stdout


def test_the_system_script_says_what_is_missing_where_it_cannot_install(tmp_path: Path) -> None:
    """Not Debian: there is no `apt-get`."""
    done = subprocess.run(
        ["/bin/sh", ROOT / "development" / "system.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "chromium" in done.stderr
