"""A process that ends when the test run ends, whatever ended the run."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

PR_SET_PDEATHSIG = 1


class Process(Protocol):
    """What tests use of `subprocess.Popen`."""

    args: Any
    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int) -> None: ...
    def kill(self) -> None: ...


def ends_with_its_parent() -> Callable[[], None] | None:
    """On Linux the kernel sends SIGTERM when the parent thread ends, even by SIGKILL; elsewhere fixtures must do."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return before_exec


def start(
    command: Sequence[str | os.PathLike[str]], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` with both outputs appended to `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            preexec_fn=ends_with_its_parent(),
        )


def stop(process: Process, with_signal: signal.Signals = signal.SIGTERM, within: float = 10.0) -> int:
    """Ask it to end; after `within` seconds kill it and raise TimeoutError. Gives the exit status."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(with_signal)
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise TimeoutError(f"{process.args!r} did not end within {within:g} s of {with_signal.name}") from None
