"""`authserver serve` and `skill serve` as real processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from tests.running import hashing, process, warm
from tests.running.ports import LOOPBACK, free_port

PROGRAMS = Path(sys.executable).parent
START_WITHIN = 20.0  # seconds; two cores shared with a whole test run
STOP_WITHIN = 10.0  # what the outside interface promises for SIGTERM
_as_installed = True  # the tests' own conftest says otherwise; the bench does not


def start_forked() -> None:
    """From now on, and passwords cost little to hash."""
    global _as_installed
    _as_installed = False
    hashing.cheaply()


@contextlib.contextmanager
def as_installed() -> Iterator[None]:
    """Services that are made meanwhile are the installed programs, with hashes at the cost of production."""
    global _as_installed
    before, _as_installed = _as_installed, True
    try:
        with hashing.in_full():
            yield
    finally:
        _as_installed = before


class Service:
    """One service with its settings: `with Service("authserver", settings, folder) as server: ...`.

    Leaving the block sends SIGTERM, demands an end within ten seconds, and searches the whole log for every secret
    given to `must_not_log`. `cli` runs the operator's commands under the same settings, whether it serves or not.

    It is the installed program. After `start_forked` it is forked from a process that has the program imported, unless
    it was made under `as_installed`. `constants`, for a forked one: pauses of the program (`module:NAME`) that are
    shorter than in production.
    """

    def __init__(
        self,
        name: str,
        settings: dict[str, str],
        folder: Path,
        port: int | None = None,
        constants: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self.settings = dict(settings)
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.log_file = folder / f"{name}-{self.port}.log"
        self.process: process.Process | None = None
        self.as_installed = _as_installed
        self.constants = dict(constants or {})
        self._secrets: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the surrounding environment but what a process needs, so that no setting leaks in."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "TZ") if name in os.environ}
        return kept | self.settings

    def cli(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the operator; the caller judges its exit status."""
        command = [str(PROGRAMS / self.name), *arguments]
        return warm.run(self.name, command, stdin, self.environment, self.folder, 60, hash_in_full=self.as_installed)

    def cli_json(self, *arguments: str, stdin: str | None = None) -> Any:
        """What a command that must succeed prints with `--json`."""
        done = self.cli(*arguments, "--json", stdin=stdin)
        assert done.returncode == 0, f"{self.name} {' '.join(arguments)}: {done.stderr or done.stdout}"
        return json.loads(done.stdout)

    def cli_json_of(self, commands: Sequence[Sequence[str]], stdin: str | None = None) -> list[Any]:
        """What several commands print with `--json`, one after another. Each reads `stdin`."""
        return [self.cli_json(*command, stdin=stdin) for command in commands]

    def migrate(self) -> None:
        done = self.cli("migrate")
        assert done.returncode == 0, f"{self.name} migrate: {done.stderr or done.stdout}"

    def start(self, *arguments: str, wait_until_ready: bool = True) -> None:
        command = [str(PROGRAMS / self.name), "serve", "--host", LOOPBACK, "--port", str(self.port), *arguments]
        if self.as_installed:
            assert not self.constants, "the installed program has its own"
            self.process = process.start(command, self.log_file, self.environment, self.folder)
        else:
            self.process = warm.start(self.name, command, self.log_file, self.environment, self.folder, self.constants)
        if wait_until_ready:
            self.wait_until_ready()
            if "--workers" in arguments:
                self._wait_for_workers(int(arguments[arguments.index("--workers") + 1]))

    def wait_until_ready(self, within: float = START_WITHIN) -> None:
        assert self.process is not None
        deadline = time.monotonic() + within
        with httpx2.Client(trust_env=False, timeout=5, verify=False) as client:
            while time.monotonic() < deadline:
                if self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended with {self.process.returncode} at its start:\n{self.log()}")
                try:
                    if client.get(f"{self.url}/readyz").status_code == 200:
                        return
                except httpx2.TransportError:
                    pass
                time.sleep(0.03)
        raise TimeoutError(f"{self.name} was not ready within {within:g} s:\n{self.log()}")

    def _wait_for_workers(self, count: int, within: float = START_WITHIN) -> None:
        """The first was ready; the kernel spreads connections over those that listen. So many new ones in a row do not
        miss a worker."""
        deadline = time.monotonic() + within
        in_a_row = 0
        while self._listeners() < count or in_a_row < 40:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all of {count} workers are ready:\n{self.log()}")
            answer = httpx2.get(f"{self.url}/readyz", trust_env=False, timeout=within, verify=False)
            in_a_row = in_a_row + 1 if answer.status_code == 200 and self._listeners() >= count else 0

    def _listeners(self) -> int:
        """Sockets that listen at the port, as the kernel tells it."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(line[1].endswith(f":{self.port:04X}") and line[3] == "0A" for line in lines)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End it as an operator does, and give the exit status."""
        assert self.process is not None
        stopping, self.process = self.process, None
        return process.stop(stopping, with_signal, STOP_WITHIN)

    def kill(self) -> None:
        """A crash: SIGKILL, nothing is drained."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def must_not_log(self, *secrets: str) -> None:
        """Register what would open a door (A32); it is searched for when the service has ended."""
        self._secrets += [secret for secret in secrets if secret]

    def check_log(self) -> None:
        written = self.log()
        for secret in self._secrets:
            at = written.find(secret)
            if at >= 0:
                shown = written[max(0, at - 200) : at] + f"<the secret {secret[:4]}…>"
                raise AssertionError(f"the log of {self.name} holds a secret: …{shown}")

    def __enter__(self) -> "Service":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.process is not None:
            status = self.stop()
            assert kind or status == 0, f"{self.name} ended with status {status}:\n{self.log()[-3000:]}"
        if kind is None:
            self.check_log()
