"""`make run` as a person starts it: the supervisor as a process of its own, with a folder and ports of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2

from tests.running import process
from tests.running.ports import LOOPBACK, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
READY = "Lampgate is running."
START_WITHIN = 90.0  # seconds; two cores shared with a whole test run
STOP_WITHIN = 10.0


class MakeRun:
    """`with MakeRun(var) as run: ...`; leaving sends SIGINT as Ctrl-C does and demands an end within ten seconds."""

    def __init__(self, var: Path, authserver: int = 0, skill: int = 0, **settings: str) -> None:
        self.var = var
        self.ports = {"AUTHSERVER_PORT": authserver or free_port(), "SKILL_PORT": skill or free_port()}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "TZ") if name in os.environ}
        self.environment = kept | {name: str(port) for name, port in self.ports.items()} | settings
        self.log = var.parent / f"{var.name}-{self.ports['SKILL_PORT']}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._before = self.log.stat().st_size if self.log.exists() else 0  # lines of an earlier run

    @property
    def authserver(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['AUTHSERVER_PORT']}"

    @property
    def skill(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['SKILL_PORT']}"

    @property
    def simulator(self) -> str:
        return f"http://localhost:{self.ports['SKILL_PORT']}/simulator/"

    @property
    def demo(self) -> dict[str, Any]:
        demo: dict[str, Any] = json.loads((self.var / "demo.json").read_text())
        return demo

    def printed(self) -> str:
        return self.log.read_bytes()[self._before :].decode(errors="replace") if self.log.exists() else ""

    def start(self, wait: bool = True) -> None:
        command = [sys.executable, "-m", "development.run", "--var", str(self.var)]
        self.process = process.start(command, self.log, self.environment, ROOT)
        if wait:
            self.wait_for(READY)

    def wait_for(self, text: str) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_WITHIN
        while text not in self.printed():
            assert self.process.poll() is None, f"make run ended with {self.process.returncode}:\n{self.printed()}"
            assert time.monotonic() < deadline, f"make run did not print {text!r}:\n{self.printed()}"
            time.sleep(0.05)

    def services(self) -> list[int]:
        """The process ids of the two services."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children]

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> int:
        assert self.process is not None
        return process.stop(self.process, with_signal, STOP_WITHIN)

    def wait(self) -> int:
        """The exit status of a run that ends by itself."""
        assert self.process is not None
        return self.process.wait(START_WITHIN)

    def __enter__(self) -> "MakeRun":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.process is not None and self.process.poll() is None:
            status = self.stop()
            assert kind or status == 0, self.printed()


def answers(url: str) -> bool:
    """Whether anything is served there."""
    try:
        httpx2.get(url, trust_env=False, verify=False, timeout=5)
    except httpx2.TransportError:
        return False
    return True


def is_alive(pid: int) -> bool:
    """Not a zombie and not gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
