"""A real mosquitto on a free loopback port."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.running import components, process
from tests.running.ports import LOOPBACK, free_port


class Broker:
    """`stop` and `start` make an outage on the same port; retained messages survive neither, unless the broker `keeps`
    what there was at the last `save`. `rules` are the lines of its configuration that say who may come in."""

    def __init__(self, folder: Path, rules: str = "allow_anonymous true", keeps: bool = False) -> None:
        self.program = components.executable("mosquitto", components.MOSQUITTO)
        self.folder, self.rules, self.keeps = folder, rules, keeps
        self.host = LOOPBACK
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    def start(self) -> None:
        configuration = self.folder / "mosquitto.conf"
        keeping = (
            f"persistence true\npersistence_location {self.folder}/\nuser root" if self.keeps else "persistence false"
        )
        configuration.write_text(f"listener {self.port} {self.host}\n{self.rules}\n{keeping}\nset_tcp_nodelay true\n")
        self.process = process.start([self.program, "-c", configuration], self.folder / "mosquitto.log")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((self.host, self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError("mosquitto did not start:\n" + (self.folder / "mosquitto.log").read_text())

    def reload(self) -> None:
        """Its files of accounts and rights are read again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)

    def save(self) -> None:
        """What is retained now is what a crash leaves."""
        assert self.process is not None
        kept = self.folder / "mosquitto.db"
        before = kept.stat().st_mtime_ns if kept.exists() else 0
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while not kept.exists() or kept.stat().st_mtime_ns == before:
            assert time.monotonic() < deadline, "mosquitto did not save"
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            process.stop(self.process)
            self.process = None

    def kill(self) -> None:
        """A crash: SIGKILL, no last will is sent."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None
