"""The contestants: both services as an operator runs them, bare servers, peers; each a real process on loopback."""

import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import getpid
from pathlib import Path

from bench import machine
from bench.load import CannotMeasureError
from tests.running import postgres, process
from tests.running.ports import LOOPBACK, free_port
from tests.running.service import Service
from tests.running.smtp_sink import Sink

DURABLE = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "log_min_messages": "warning",
}
"""PostgreSQL as it comes, which waits for the disk at every COMMIT; only checkpoints are rarer."""

BRIDGE_SECRET = secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Contestant:
    """A running server. `database` is the process of its PostgreSQL, whose time is told apart."""

    name: str
    port: int
    pid: int
    database: int | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def workers(self) -> list[int]:
        """The processes that answer: the children where there are any."""
        return machine.tree(self.pid)[1:] or [self.pid]


class Servers:
    """Starts contestants and ends them all when the block is left."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.requests = Path(tempfile.mkdtemp(prefix="bench-", dir=memory if memory.is_dir() else None))
        self.postgres = postgres.Postgres(postgres.new_folder(), DURABLE)
        self._ends = ExitStack()

    def __enter__(self) -> "Servers":
        self._ends.callback(_remove, self.folder)
        self._ends.callback(_remove, self.requests)
        self._ends.callback(self.postgres.stop)
        try:
            self.postgres.start(getpid())
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def new_sqlite(self, name: str) -> str:
        return f"sqlite:///{self.folder / name}.db"

    def postgres_pid(self) -> int:
        return int(self.postgres.pid_file.read_text())

    def authserver(self, url: str, secret_key: str, **others: str) -> Service:
        """Migrated, not yet started."""
        port = free_port()
        settings = {
            "AUTHSERVER_DEVELOPMENT": "1",
            "AUTHSERVER_ISSUER": f"http://{LOOPBACK}:{port}",
            "AUTHSERVER_DATABASE_URL": url,
            "AUTHSERVER_SECRET_KEY": secret_key,
        }
        service = Service("authserver", settings | others, self.folder, port)
        service.migrate()
        return service

    def skill(self, url: str, issuer: str, client_id: str, **others: str) -> Service:
        """Migrated, not yet started. Calls must be signed, as in production."""
        port = free_port()
        settings = {
            "SKILL_DEVELOPMENT": "1",
            "SKILL_DATABASE_URL": url,
            "SKILL_ISSUER": issuer,
            "SKILL_CLIENT_IDS": client_id,
            "SKILL_PUBLIC_URL": f"http://{LOOPBACK}:{port}",
            "SKILL_BRIDGE_SECRET": BRIDGE_SECRET,
        }
        service = Service("skill", settings | others, self.folder, port)
        service.migrate()
        return service

    def sink(self) -> Sink:
        """A mail server that takes everything."""
        sink = Sink(self.folder, free_port())
        sink.start()
        self._ends.callback(sink.kill)
        return sink

    def start(self, name: str, service: Service, workers: int = 1) -> Contestant:
        """Start the service and wait until it is ready; it ends with the block."""
        service.start(*(["--workers", str(workers)] if workers > 1 else []))
        self._ends.callback(service.stop)
        return self._contestant(name, service)

    @contextmanager
    def running(self, name: str, service: Service) -> Iterator[Contestant]:
        """For a block of its own: nothing else runs beside it."""
        service.start()
        try:
            yield self._contestant(name, service)
        finally:
            service.stop()

    def _contestant(self, name: str, service: Service) -> Contestant:
        assert service.process is not None
        on_postgres = "postgresql:" in service.settings[f"{service.name.upper()}_DATABASE_URL"]
        return Contestant(name, service.port, service.process.pid, self.postgres_pid() if on_postgres else None)

    def bare(self, name: str, module: str, *arguments: str) -> Contestant:
        port = free_port()
        return self.program(name, port, [sys.executable, "-m", module, str(port), *arguments])

    def program(self, name: str, port: int, command: list[str], cwd: Path | None = None) -> Contestant:
        """Any server that takes connections on the port once it is ready."""
        running = process.start(command, self.folder / f"{port}.log", cwd=cwd)
        self._ends.callback(process.stop, running)
        _wait_for(port, running, self.folder / f"{port}.log")
        return Contestant(name, port, running.pid)


def _wait_for(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.02)
    raise CannotMeasureError(f"a server of the bench did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
