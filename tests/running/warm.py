"""Commands and services without the second of imports that each would begin with.

A process with everything imported forks for each: a process of its own, with its own arguments, environment, folder
and standard files, that runs the entry point of the installed program.
"""

import atexit
import contextlib
import functools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.running import hashing, process

PROGRAM = Path(__file__).with_name("warm_process.py")
READY_WITHIN = 60.0  # seconds


class Warm:
    """The process for one service, of this test process."""

    def __init__(self, service: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="warm-"))
        self.socket = str(self.folder / "socket")
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, service, self.socket, json.dumps(hashing.CHEAP)],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            preexec_fn=process.ends_with_its_parent(),
        )

    def connect(self) -> socket.socket:
        deadline = time.monotonic() + READY_WITHIN
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self.socket)
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"no warm process: {(self.folder / 'log').read_text()}") from None
                time.sleep(0.02)

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._log.close()
        shutil.rmtree(self.folder)


@functools.cache
def warm(service: str) -> Warm:
    """Started when it is first asked for; ends with this test process."""
    started = Warm(service)
    atexit.register(started.end)
    return started


class Forked:
    """A process that the warm one has forked, with those parts of `subprocess.Popen` that tests use."""

    def __init__(
        self,
        service: str,
        command: Sequence[str],
        files: Sequence[int],
        env: Mapping[str, str],
        cwd: Path,
        hash_in_full: bool,
        constants: Mapping[str, float] | None = None,
    ) -> None:
        """`files`: descriptors that become its standard input, output and error."""
        self.args = list(command)
        self.returncode: int | None = None
        asked: dict[str, object] = {"argv": self.args, "env": dict(env), "cwd": str(cwd), "hash_in_full": hash_in_full}
        asked["constants"] = dict(constants or {})
        self._keeper = warm(service).connect()
        self._told = b""
        try:
            socket.send_fds(self._keeper, [json.dumps(asked).encode()], files)
            while b"\n" not in self._told:
                self._listen(READY_WITHIN)
        except BaseException:
            self._keeper.close()
            raise
        number, _, self._told = self._told.partition(b"\n")
        self.pid = int(number)

    def _listen(self, timeout: float | None) -> None:
        """Take what the keeper says; raises `TimeoutError` when it says nothing."""
        ready = select.poll()
        ready.register(self._keeper, select.POLLIN)
        if not ready.poll(None if timeout is None else 1000 * timeout):
            raise TimeoutError
        said = self._keeper.recv(100)
        if not said:
            raise RuntimeError(f"whoever kept {self.args} is gone")
        self._told += said

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + timeout if timeout is not None else None
        while self.returncode is None:
            if b"\n" in self._told:  # it may have come with the number, from a command that ended at once
                self.returncode = int(self._told)
                self._keeper.close()
                break
            try:
                self._listen(max(0.0, deadline - time.monotonic()) if deadline is not None else None)
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ends just now
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    service: str,
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    constants: Mapping[str, float] | None = None,
) -> Forked:
    """As `process.start`. `constants`: values of the program's own (`module:NAME`) that differ in this one."""
    with log.open("ab") as out, open(os.devnull, "rb") as nothing:
        files = [nothing.fileno(), out.fileno(), out.fileno()]
        return Forked(service, command, files, env, cwd, hash_in_full=False, constants=constants)


def run(
    service: str,
    command: Sequence[str],
    stdin: str | None,
    env: Mapping[str, str],
    cwd: Path,
    timeout: float,
    hash_in_full: bool = False,
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run(..., capture_output=True, text=True)`; `command` begins with the program's name."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        given.write((stdin or "").encode())
        given.seek(0)
        running = Forked(service, command, [given.fileno(), out.fileno(), error.fileno()], env, cwd, hash_in_full)
        try:
            status = running.wait(timeout)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(timeout)
            raise
        printed = []
        for file in (out, error):
            file.seek(0)
            printed.append(file.read().decode())
    return subprocess.CompletedProcess(list(command), status, *printed)
