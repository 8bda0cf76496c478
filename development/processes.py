"""Child processes of `make run`: lines of each under its name, ended together, never left behind."""

import contextlib
import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PATIENCE = 9.0
"""Seconds that the services get to drain after SIGTERM; SIGKILL follows."""

PR_SET_PDEATHSIG = 1
_write = threading.Lock()


class Service:
    """One running service; its output appears line by line under its name."""

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path, say: Callable[[str], None]
    ) -> None:
        self.name = name
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            preexec_fn=ends_with_its_parent(),
        )
        self._reader = threading.Thread(target=self._read, args=(say,), daemon=True)
        self._reader.start()

    def _read(self, say: Callable[[str], None]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            say(line.decode("utf-8", "replace").rstrip("\r\n"))

    def ask_to_end(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)

    def wait(self, until: float) -> None:
        """Until `time.monotonic()` says `until`; then it is killed."""
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not end in time and was killed")
            self.process.kill()
            self.process.wait()
        self._reader.join(1)


def end_all(services: Sequence[Service]) -> None:
    """SIGTERM to each, all at once; within ten seconds none is left."""
    until = time.monotonic() + PATIENCE
    for service in services:
        service.ask_to_end()
    for service in services:
        service.wait(until)


def ends_with_its_parent() -> Callable[[], None] | None:
    """On Linux the kernel sends SIGTERM to a child whose parent died without a word (SIGKILL)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return before_exec


def say(line: str = "") -> None:
    """One whole line to standard output. A reader that went away is no reason to stop serving."""
    with _write, contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
