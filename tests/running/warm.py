"""Commands of a service without the second of imports that each would begin with.

A process with everything imported forks for each command: a process of its own, with its own arguments, environment,
folder and standard files, that runs the entry point of the installed program. Servers are started as they are.
"""

import atexit
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.running import process

PROGRAM = Path(__file__).with_name("warm_process.py")
READY_WITHIN = 60.0  # seconds


class Warm:
    """The process for one service, of this test process."""

    def __init__(self, service: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="warm-"))
        self.socket = str(self.folder / "socket")
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, service, self.socket],
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


def run(
    service: str, command: Sequence[str], stdin: str | None, env: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run(..., capture_output=True, text=True)`; `command` begins with the program's name."""
    asked = json.dumps({"argv": list(command), "env": dict(env), "cwd": str(cwd)}).encode()
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as error,
        warm(service).connect() as connection,
    ):
        given.write((stdin or "").encode())
        given.seek(0)
        socket.send_fds(connection, [asked], [given.fileno(), out.fileno(), error.fileno()])
        connection.settimeout(timeout)
        with connection.makefile() as answers:
            number = int(answers.readline())
            try:
                status = int(answers.readline())
            except TimeoutError:
                os.kill(number, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(command), timeout) from None
        printed = []
        for file in (out, error):
            file.seek(0)
            printed.append(file.read().decode())
    return subprocess.CompletedProcess(list(command), status, *printed)
